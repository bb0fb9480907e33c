package admin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/config"
)

const ownSite = "Sec-Fetch-Site: same-origin"

// signIn gives the header that makes one the holder of tokens[i] by a session.
func (p *plant) signIn(i int, headers ...string) string {
	p.t.Helper()
	r := p.do("POST", "/session", toJSON(p.t, map[string]string{"token": tokens[i].Secret.Reveal()}), append(headers, ownSite)...)
	if r.status != 200 {
		p.t.Fatalf("sign in: %d %s", r.status, r.body)
	}
	return "Cookie: " + strings.Split(r.header.Get("Set-Cookie"), ";")[0]
}

func TestSessionActsAsItsToken(t *testing.T) {
	p := start(t, withTokens)
	const weights = "/api/v1/services/shop/weights"
	for i, role := range []string{"viewer", "operator", "admin"} {
		cookie := p.signIn(i)
		var who sessionView
		p.do("GET", "/session", "", cookie).into(t, &who)
		if string(who.Role) != role || who.Name != tokens[i].Name || !who.Needed || who.Version != "1.2.3" {
			t.Errorf("%s: %+v", role, who)
		}
		if r := p.do("GET", "/api/v1/services", "", cookie); r.status != 200 {
			t.Errorf("%s reads: got %d", role, r.status)
		}
		want := 200
		if role == "viewer" {
			want = 403
		}
		if r := p.do("PUT", weights, `{"weights":{"v1":100}}`, cookie, ownSite); r.status != want {
			t.Errorf("%s changes: got %d %s, want %d", role, r.status, r.body, want)
		}
		want = 403
		if role == "admin" {
			want = 200
		}
		if r := p.do("GET", "/debug/pprof/cmdline", "", cookie); r.status != want {
			t.Errorf("%s profiles: got %d, want %d", role, r.status, want)
		}
	}
	if w, _ := p.live.Weights("shop"); w.By != "api:session:root" {
		t.Errorf("set by %s", w.By)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	log := p.audit.String()
	for _, want := range []string{`who=ci role=operator`, `after="signed in"`, `who=session:grafana role=viewer`, `who=session:ci role=operator`} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit lacks %s", want)
		}
	}
	for _, token := range tokens {
		if strings.Contains(log, token.Secret.Reveal()) {
			t.Errorf("secret of %s stands in the log", token.Name)
		}
	}
}

func TestSignInAndOut(t *testing.T) {
	p := start(t, withTokens)
	var who sessionView
	p.do("GET", "/session", "").into(t, &who)
	if who != (sessionView{Needed: true}) {
		t.Errorf("nobody: %+v", who)
	}
	if r := p.do("GET", "/session", "", "Authorization: Bearer wrong"); r.status != 401 {
		t.Errorf("with a wrong token: got %d", r.status)
	}
	cookie := p.signIn(1)
	if again := p.do("POST", "/session", `{"token":" `+tokens[0].Secret.Reveal()+` "}`, cookie, ownSite); again.status != 200 {
		t.Errorf("as somebody else: got %d %s", again.status, again.body)
	}
	if r := p.do("GET", "/api/v1/services", "", cookie); r.status != 401 || !strings.Contains(r.body, "session is over") {
		t.Errorf("the session from before: got %d %s", r.status, r.body)
	}
	cookie = p.signIn(1)
	r := p.do("DELETE", "/session", "", cookie, ownSite)
	if r.status != 204 || r.body != "" || !strings.Contains(r.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("sign out: got %d %q %v", r.status, r.body, r.header)
	}
	if r := p.do("GET", "/api/v1/services", "", cookie); r.status != 401 {
		t.Errorf("after signing out: got %d", r.status)
	}
	if r := p.do("DELETE", "/session", "", ownSite); r.status != 204 {
		t.Errorf("twice: got %d", r.status)
	}
	for _, body := range []string{"", "{}", `{"token":""}`, `{"token":5}`, `{"token":"a","x":1}`, `{"token":"nope"}`} {
		if r := p.do("POST", "/session", body, ownSite, "Content-Type: application/json"); r.status != 400 && r.status != 401 || r.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: got %d %v", body, r.status, r.header)
		}
	}
}

func TestSessionCookie(t *testing.T) {
	p := start(t, withTokens)
	body := toJSON(t, map[string]string{"token": tokens[0].Secret.Reveal()})
	for origin, secure := range map[string]bool{"https://ops.example": true, "http://localhost:9900": false, "": false} {
		headers := []string{ownSite}
		if origin != "" {
			headers = append(headers, "Origin: "+origin)
		}
		cookie, err := http.ParseSetCookie(p.do("POST", "/session", body, headers...).header.Get("Set-Cookie"))
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^sluice_session_[0-9a-f]{8}$`).MatchString(cookie.Name) || len(cookie.Value) != 32 || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode ||
			cookie.Secure != secure || cookie.Path != "" || cookie.Domain != "" {
			t.Errorf("from %q: %+v", origin, cookie)
		}
	}
}

// On TLS the cookie is for TLS alone. A certificate's holder has a role already, and who signs
// in has that of the token.
func TestSessionOnTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	p := start(t, func(a *config.Admin, _ *Options) {
		a.Tokens = tokens
		a.TLS = &config.TLS{Certificates: []config.Certificate{ca.issue(t, dir, "server")}, ClientCA: ca.file}
	})
	p.client = ca.client(nil)
	r := p.do("POST", "/session", toJSON(t, map[string]string{"token": tokens[2].Secret.Reveal()}), ownSite)
	cookie, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil || !cookie.Secure {
		t.Errorf("%v, %v", cookie, err)
	}
	own := ca.issue(t, dir, "deployer")
	p.client = ca.client(&own)
	var who sessionView
	p.do("GET", "/session", "").into(t, &who)
	if who != (sessionView{Role: config.RoleOperator, Name: "cert:deployer", Version: "1.2.3"}) {
		t.Errorf("by certificate: %+v", who)
	}
	p.do("GET", "/session", "", "Cookie: "+cookie.Name+"="+cookie.Value).into(t, &who)
	if who.Role != config.RoleAdmin || who.Name != "root" || !who.Needed {
		t.Errorf("signed in: %+v", who)
	}
}

// What changes something by a session must come from a page of this server, and say so.
func TestSessionIsForItsOwnPage(t *testing.T) {
	p := start(t, withTokens)
	admin, elsewhere := p.signIn(2), p.signIn(2, "Host: localhost:9900")
	const body = `{"weights":{"v1":100}}`
	for _, tt := range []struct {
		name, method string
		headers      []string
		want         int
	}{
		{"own page", "PUT", []string{ownSite}, 200},
		{"own page, old browser", "PUT", []string{"Host: localhost:9900", "Origin: http://localhost:9900"}, 200},
		{"says nothing", "PUT", nil, 403},
		{"no page", "PUT", []string{"Sec-Fetch-Site: none"}, 403},
		{"other port", "PUT", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"other port, old browser", "PUT", []string{"Host: localhost:9900", "Origin: http://localhost:3000"}, 403},
		{"cross-site", "PUT", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"bearer beside it", "PUT", []string{as(1)}, 200},
		{"weaker bearer wins", "PUT", []string{as(0), ownSite}, 403},
		{"wrong bearer wins", "PUT", []string{"Authorization: Bearer nope", ownSite}, 401},
		{"basic of a proxy in front", "PUT", []string{"Authorization: Basic Zm9vOmJhcg==", ownSite}, 200},
		{"reads", "GET", []string{ownSite}, 200},
		{"reads, old browser", "GET", nil, 200},
		{"reads from a neighbour", "GET", []string{"Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors"}, 403},
		{"link from a neighbour", "GET", []string{"Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate"}, 200},
		{"address bar", "GET", []string{"Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate"}, 200},
	} {
		path, in := "/api/v1/services", ""
		if tt.method == "PUT" {
			path, in = "/api/v1/services/shop/weights", body
		}
		cookies := "Cookie: " + strings.TrimPrefix(admin, "Cookie: ") + "; " + strings.TrimPrefix(elsewhere, "Cookie: ") // as a browser has them of two ports
		if r := p.do(tt.method, path, in, append(tt.headers, cookies)...); r.status != tt.want {
			t.Errorf("%s: got %d %s, want %d", tt.name, r.status, r.body, tt.want)
		}
	}
	if r := p.do("DELETE", "/session", "", admin); r.status != 403 {
		t.Errorf("signing out from elsewhere: got %d", r.status)
	}
	if r := p.do("GET", "/api/v1/services", "", admin); r.status != 200 {
		t.Errorf("after that: got %d", r.status)
	}
}

func TestSessionsFollowTheirToken(t *testing.T) {
	p := start(t, withTokens)
	cookies := []string{p.signIn(0), p.signIn(1), p.signIn(2)}
	next := *p.config.Load()
	next.Admin.Tokens = slices.Clone(tokens[:2])
	next.Admin.Tokens[0].Role = config.RoleOperator
	p.adopt(&next)
	for i, want := range []int{401, 200, 401} { // another role, as it was, gone
		if r := p.do("GET", "/api/v1/services", "", cookies[i]); r.status != want {
			t.Errorf("%s: got %d, want %d", tokens[i].Name, r.status, want)
		}
	}
	next.Admin.Tokens = slices.Clone(tokens)
	next.Admin.Tokens[1].Secret = "operator-new-5d4c3b2a1908"
	p.adopt(&next)
	for i := range cookies { // what was dropped stays dropped, and a new secret ends sessions of the old one
		if r := p.do("GET", "/api/v1/services", "", cookies[i]); r.status != 401 {
			t.Errorf("%s: got %d", tokens[i].Name, r.status)
		}
	}
}

// Browsers share cookies between the ports of a host: two servers there must not sign each other's users out.
func TestSessionsOfNeighbours(t *testing.T) {
	one, two := start(t, withTokens), start(t, withTokens)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	one.client.Jar, two.client.Jar = jar, jar
	one.signIn(1)
	two.signIn(0)
	for name, p := range map[string]*plant{"ci": one, "grafana": two} {
		var who sessionView
		if p.do("GET", "/session", "", ownSite).into(t, &who); who.Name != name {
			t.Errorf("signed in at both: got %q, want %q", who.Name, name)
		}
	}
	if r := two.do("DELETE", "/session", "", ownSite); r.status != 204 {
		t.Fatalf("sign out: got %d", r.status)
	}
	if r := one.do("GET", "/api/v1/services", ""); r.status != 200 {
		t.Errorf("signing out at the other: got %d", r.status)
	}
	if r := two.do("GET", "/api/v1/services", ""); r.status != 401 {
		t.Errorf("signed out: got %d", r.status)
	}
}

// The name of the cookie tells servers apart also where all of them listen on one port (containers whose ports are published),
// and where a proxy in front sends all of them one Host. What a page asks for always has the same name.
func TestSessionCookieNames(t *testing.T) {
	name := func(host string, local net.Addr) string {
		r := &http.Request{Host: host}
		return sessionCookie(r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, local)))
	}
	port := func(n int) net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n} }
	here := name("ops.example:9900", port(9900))
	for what, other := range map[string]string{
		"another published port":       name("ops.example:9901", port(9900)),
		"another port behind one Host": name("ops.example:9900", port(9901)),
		"another socket":               name("ops.example:9900", &net.UnixAddr{Name: "/run/a.sock"}),
	} {
		if other == here {
			t.Errorf("%s: the name is %s as well", what, here)
		}
	}
	if name("a", &net.UnixAddr{Name: "/run/a.sock"}) == name("a", &net.UnixAddr{Name: "/run/b.sock"}) {
		t.Error("two sockets have one name")
	}
	if same := name("OPS.example:9900", &net.TCPAddr{IP: net.IPv6loopback, Port: 9900}); same != here {
		t.Errorf("the same server is %s and %s", here, same)
	}
}

// A body that is no token is a guess like any other: the first ten are looked at.
func TestBrokenSignInsAreThrottled(t *testing.T) {
	p := start(t, withTokens)
	here := netip.MustParsePrefix("127.0.0.1/32")
	for _, body := range []string{"", "{", `{"token":5}`, `{"x":1}`, "[]"} {
		delete(p.server.throttle.owed, here) // no call is under way
		p.do("POST", "/session", body, ownSite, "Content-Type: application/json")
		if _, counted := p.server.throttle.owed[here]; !counted {
			t.Errorf("%q was not counted", body)
		}
	}
	for range 200 {
		p.server.throttle.failed(here)
	}
	if r := p.do("POST", "/session", "{", ownSite); r.status != http.StatusTooManyRequests {
		t.Errorf("got %d, want 429", r.status)
	}
}

// Wrong tokens count together, wherever they are presented; a session has nothing to guess.
func TestSigningInIsThrottled(t *testing.T) {
	p := start(t, withTokens)
	here := netip.MustParsePrefix("127.0.0.1/32")
	cookie := p.signIn(1)
	if r := p.do("POST", "/session", `{"token":"guess"}`, ownSite); r.status != 401 || len(p.server.throttle.owed) != 1 {
		t.Errorf("a guess: got %d, %d addresses remembered", r.status, len(p.server.throttle.owed))
	}
	name, _, _ := strings.Cut(cookie, "=")
	p.do("GET", "/api/v1/services", "", name+"=guess")
	for range 200 {
		p.server.throttle.failed(here)
	}
	r := p.do("POST", "/session", toJSON(t, map[string]string{"token": tokens[0].Secret.Reveal()}), ownSite)
	if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After %q", r.status, r.header.Get("Retry-After"))
	}
	if r := p.do("GET", "/api/v1/services", "", cookie); r.status != 200 {
		t.Errorf("a session meanwhile: got %d", r.status)
	}
}

func TestSessionWithoutTokens(t *testing.T) {
	p := start(t, nil)
	var who sessionView
	p.do("GET", "/session", "").into(t, &who)
	if who != (sessionView{Role: config.RoleAdmin, Name: "local", Version: "1.2.3"}) {
		t.Errorf("%+v", who)
	}
	if r := p.do("POST", "/session", `{"token":"any"}`, ownSite); r.status != 409 || r.header.Get("Set-Cookie") != "" {
		t.Errorf("signing in: got %d %s", r.status, r.body)
	}
	if r := p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":100}}`, "Cookie: sluice_session_00000000=old"); r.status != 200 {
		t.Errorf("with a cookie from another time: got %d %s", r.status, r.body)
	}
}

// Events reach a page by its cookie, and end with the session.
func TestEventsBySession(t *testing.T) {
	p := start(t, withTokens)
	cookie := p.signIn(0)
	f := p.listen("?since=0", cookie, ownSite)
	p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":90,"v2":10}}`, as(1))
	for {
		r, ok := f.next()
		if !ok {
			t.Fatal("the stream ended")
		}
		if r.kind == "weights" {
			break
		}
	}
	r, err := http.NewRequest("GET", p.base+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", strings.TrimPrefix(cookie, "Cookie: "))
	local, err := net.ResolveTCPAddr("tcp", r.Host)
	if err != nil {
		t.Fatal(err)
	}
	r = r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, local))
	st, err := p.server.newStream(&call{r: r})
	if err != nil {
		t.Fatal(err)
	}
	if !st.permitted() {
		t.Error("a stream of a session is not permitted")
	}
	p.do("DELETE", "/session", "", cookie, ownSite)
	if st.permitted() {
		t.Error("a stream outlives its session")
	}
}

// A proxy may give sluice a path of its own: the cookie then belongs to that path.
func TestBelowAPath(t *testing.T) {
	p := start(t, withTokens)
	base := below(t, p, "/tools/sluice")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.base, p.client.Jar = base, jar
	index := p.do("GET", "/", "")
	for _, m := range referenced.FindAllStringSubmatch(index.body, -1) {
		if r := p.do("GET", strings.TrimPrefix(m[1], "."), ""); r.status != 200 {
			t.Errorf("%s: got %d", m[1], r.status)
		}
	}
	p.signIn(1)
	if r := p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":100}}`, ownSite); r.status != 200 {
		t.Errorf("by the jar's cookie: got %d %s", r.status, r.body)
	}
	beside, _ := http.NewRequest("GET", strings.TrimSuffix(base, "/sluice")+"/other", nil)
	if got := jar.Cookies(beside.URL); len(got) != 0 {
		t.Errorf("the cookie goes to the neighbour as well: %v", got)
	}
	p.do("DELETE", "/session", "", ownSite)
	if r := p.do("GET", "/api/v1/services", ""); r.status != 401 || len(jar.Cookies(beside.URL.JoinPath("../sluice/api"))) != 0 {
		t.Errorf("after signing out: got %d", r.status)
	}
}

func TestSessionsEnd(t *testing.T) {
	s, began := newSessions(), time.Now()
	at := func(d time.Duration) time.Time { return began.Add(d) }
	idle := s.begin(tokens[0], began)
	if _, ok := s.find(idle, tokens, at(sessionIdle-time.Second), false); !ok {
		t.Error("over before eight hours")
	}
	if _, ok := s.find(idle, tokens, at(sessionIdle), false); ok {
		t.Error("a look that is no use kept it alive")
	}
	busy := s.begin(tokens[0], began)
	for h := time.Hour; h < sessionLife; h += time.Hour {
		if who, ok := s.find(busy, tokens, at(h), true); !ok || who.name != "session:grafana" || who.role != config.RoleViewer {
			t.Fatalf("after %v: %+v, %v", h, who, ok)
		}
	}
	if _, ok := s.find(busy, tokens, at(sessionLife), true); ok || len(s.of) != 0 {
		t.Errorf("older than a day; %d are kept", len(s.of))
	}
	if _, ok := s.find("", nil, began, true); ok {
		t.Error("the empty id is a session")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s, now := newSessions(), time.Now()
	other := s.begin(tokens[2], now)
	first := s.begin(tokens[0], now)
	for i := range 3 * sessionsPerName {
		s.begin(tokens[0], now.Add(time.Duration(i+1)*time.Second))
	}
	if len(s.of) != sessionsPerName+1 {
		t.Errorf("%d sessions, want %d of one token and one of another", len(s.of), sessionsPerName)
	}
	if _, ok := s.find(first, tokens, now, true); ok {
		t.Error("the oldest is still there")
	}
	if _, ok := s.find(other, tokens, now, true); !ok {
		t.Error("one token signed another's holder out")
	}
	for i := range 2 * maxSessions {
		s.begin(config.Token{Name: fmt.Sprint("t", i/50), Role: config.RoleViewer, Secret: "x"}, now.Add(time.Hour+time.Duration(i)*time.Second))
	}
	if len(s.of) != maxSessions {
		t.Errorf("%d sessions, want %d", len(s.of), maxSessions)
	}
}

package admin

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"sluice/config"
)

func withTokens(a *config.Admin, _ *Options) { a.Tokens = tokens }

func TestRoles(t *testing.T) {
	p := start(t, withTokens)
	const change = `{"weights":{"v1":100}}`
	tests := []struct {
		method, path, body     string
		nobody, viewer, op, ad int
	}{
		{"GET", "/livez", "", 200, 200, 200, 200},
		{"GET", "/readyz", "", 200, 200, 200, 200},
		{"GET", "/healthz", "", 200, 200, 200, 200},
		{"GET", "/metrics", "", 200, 200, 200, 200}, // public by default
		{"GET", "/api/v1", "", 401, 200, 200, 200},
		{"GET", "/api/v1/services", "", 401, 200, 200, 200},
		{"GET", "/api/v1/services/shop", "", 401, 200, 200, 200},
		{"GET", "/api/v1/services/nix", "", 401, 404, 404, 404}, // names are not for strangers
		{"GET", "/api/v1/services/shop/decisions", "", 401, 200, 200, 200},
		{"GET", "/api/v1/config", "", 401, 200, 200, 200},
		{"GET", "/api/v1/events?follow=false", "", 401, 200, 200, 200},
		{"GET", "/openapi.json", "", 401, 200, 200, 200},
		{"POST", "/api/v1/config/validate", shop, 401, 200, 200, 200},
		{"PUT", "/api/v1/services/shop/weights", change, 401, 403, 200, 200},
		{"PUT", "/api/v1/services/shop/versions/v2/state", `{"state":"active"}`, 401, 403, 200, 200},
		{"POST", "/api/v1/services/shop/rollout", `{"action":"start"}`, 401, 403, 422, 422}, // the file has no rollout
		{"GET", "/api/v1/services/shop/rollout", "", 401, 200, 200, 200},
		{"GET", "/api/v1/services/shop/rollout/history", "", 401, 200, 200, 200},
		{"GET", "/api/v1/services/shop/scaling", "", 401, 200, 200, 200},
		{"GET", "/api/v1/services/shop/faults", "", 401, 200, 200, 200},
		{"DELETE", "/api/v1/services/shop/faults", "", 401, 403, 200, 200},
		{"GET", "/api/v1/services/shop/series", "", 401, 200, 200, 200},
		{"GET", "/api/v1/services/shop/latency", "", 401, 200, 200, 200},
		{"GET", "/api/v1/series", "", 401, 200, 200, 200},
		{"GET", "/api/v1/kpis", "", 401, 200, 200, 200},
		{"GET", "/debug/pprof/", "", 401, 403, 403, 200},
		{"GET", "/debug/pprof/cmdline", "", 401, 403, 403, 200},
		{"GET", "/debug/pprof/symbol", "", 401, 403, 403, 200},
		{"GET", "/debug/pprof/goroutine", "", 401, 403, 403, 200},
		{"DELETE", "/api/v1/services/shop", "", 405, 405, 405, 405},
		{"GET", "/", "", 200, 200, 200, 200}, // the page holds no facts
		{"GET", "/nothing", "", 404, 404, 404, 404},
		{"POST", "/", "", 405, 405, 405, 405},
	}
	for _, tt := range tests {
		for i, want := range []int{tt.nobody, tt.viewer, tt.op, tt.ad} {
			var headers []string
			if i > 0 {
				headers = []string{as(i - 1)}
			}
			if r := p.do(tt.method, tt.path, tt.body, headers...); r.status != want {
				t.Errorf("%s %s as %d: got %d %.200s, want %d", tt.method, tt.path, i, r.status, r.body, want)
			} else if want == 401 && r.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: 401 without a challenge (RFC 9110, 15.5.2)", tt.method, tt.path)
			}
		}
	}
}

func TestEveryRouteNeedsItsRole(t *testing.T) {
	p := start(t, func(a *config.Admin, o *Options) { a.Tokens, a.PublicMetrics = tokens, false })
	fill := strings.NewReplacer("{service}", "shop", "{version}", "v1", "{profile}", "heap", "{$}", "")
	for _, rt := range p.server.routes() {
		if rt.role == "" {
			continue
		}
		if r := p.do(rt.method, fill.Replace(rt.path), ""); r.status != 401 {
			t.Errorf("%s %s without a token: got %d", rt.method, rt.path, r.status)
		}
	}
}

func TestAuthorizationHeader(t *testing.T) {
	p := start(t, withTokens)
	good := tokens[0].Secret.Reveal()
	tests := []struct {
		name, in string
		want     int
	}{
		{"right", "Bearer " + good, 200},
		{"scheme in any case", "bEARER " + good, 200},
		{"cut short", "Bearer " + good[:len(good)-1], 401},
		{"too long", "Bearer " + good + "x", 401},
		{"empty", "Bearer ", 401},
		{"masked", "Bearer ***", 401},
		{"basic", "Basic Zm9vOmJhcg==", 401},
		{"bare", good, 401},
	}
	for _, tt := range tests {
		if r := p.do("GET", "/api/v1/services", "", "Authorization: "+tt.in); r.status != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, r.status, tt.want)
		}
	}
}

func TestGuessingIsThrottled(t *testing.T) {
	p := start(t, withTokens)
	here := netip.MustParsePrefix("127.0.0.1/32")
	p.do("GET", "/api/v1/services", "")
	if len(p.server.throttle.owed) != 0 {
		t.Error("a call without a token counts as a guess")
	}
	if r := p.do("GET", "/api/v1/services", "", "Authorization: Bearer guess"); r.status != 401 || len(p.server.throttle.owed) != 1 {
		t.Errorf("a guess: got %d, %d addresses remembered", r.status, len(p.server.throttle.owed))
	}
	for range 200 { // more than a slow machine pays off while this test runs
		p.server.throttle.failed(here)
	}
	r := p.do("GET", "/api/v1/services", "", as(0))
	if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After %q", r.status, r.header.Get("Retry-After"))
	}
	if r := p.do("GET", "/livez", ""); r.status != 200 {
		t.Errorf("probe: got %d", r.status)
	}
}

// Tokens follow the configuration in force, at once.
func TestTokensFollowReload(t *testing.T) {
	p := start(t, withTokens)
	next := *p.config.Load()
	next.Admin.Tokens = []config.Token{{Name: "new", Role: config.RoleViewer, Secret: "viewer-new-9d8c7b6a5f4e"}}
	p.adopt(&next)
	if r := p.do("GET", "/api/v1/services", "", as(2)); r.status != 401 {
		t.Errorf("a withdrawn token: got %d", r.status)
	}
	if r := p.do("GET", "/api/v1/services", "", "Authorization: Bearer viewer-new-9d8c7b6a5f4e"); r.status != 200 {
		t.Errorf("the new token: got %d", r.status)
	}
}

// Whom a reload leaves without tokens on an open address is nobody.
func TestNoTokensIsNotForStrangers(t *testing.T) {
	r, err := http.NewRequest("GET", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.7:1234"
	if who, err := authenticate(r, config.Admin{Address: ":9900"}); err == nil {
		t.Errorf("got %+v", who)
	}
	if who, err := tokenOf("", []config.Token{{Name: "empty", Role: config.RoleAdmin}}); err == nil {
		t.Errorf("an empty secret let in %+v", who)
	}
}

func TestHost(t *testing.T) {
	p := start(t, func(a *config.Admin, _ *Options) { a.AllowedHosts = []string{"sluice.internal"} })
	tests := []struct {
		in   string
		want int
	}{
		{"127.0.0.1:9900", 200},
		{"127.0.0.1", 200},
		{"localhost", 200},
		{"LocalHost.:1", 200},
		{"[::1]:9900", 200},
		{"sluice.internal:443", 200},
		{"evil.example", 403},
		{"evil.example:9900", 403},
		{"localhost.evil.example", 403},
		{"127.0.0.1.evil.example", 403},
		{"192.0.2.1", 403},
		{"0.0.0.0", 403},
	}
	for _, path := range []string{"/api/v1/services", "/metrics", "/nothing"} {
		for _, tt := range tests {
			want := tt.want
			if path == "/nothing" && want == 200 {
				want = 404
			}
			if r := p.do("GET", path, "", "Host: "+tt.in); r.status != want {
				t.Errorf("%s with Host %s: got %d %s, want %d", path, tt.in, r.status, r.body, want)
			}
		}
	}
}

func TestHostOnOpenAddress(t *testing.T) {
	admin := config.Admin{Address: "0.0.0.0:9900"}
	for host, want := range map[string]bool{"192.0.2.1": true, "2001:db8::1": true, "evil.example": false, "localhost": true} {
		if got := hostAllowed(host, admin, nil); got != want {
			t.Errorf("%s: got %v, want %v", host, got, want)
		}
	}
}

func TestCrossSite(t *testing.T) {
	p := start(t, nil)
	const body = `{"weights":{"v1":100}}`
	tests := []struct {
		name, method string
		headers      []string
		want         int
	}{
		{"command line", "PUT", nil, 200},
		{"own page", "PUT", []string{"Sec-Fetch-Site: same-origin"}, 200},
		{"own page, old browser", "PUT", []string{"Host: localhost:9900", "Origin: http://localhost:9900"}, 200},
		{"cross-site", "PUT", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"same-site", "PUT", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"foreign origin", "PUT", []string{"Origin: http://evil.example"}, 403},
		{"opaque origin", "PUT", []string{"Origin: null"}, 403},
		{"other port", "PUT", []string{"Host: localhost:9900", "Origin: http://localhost:3000"}, 403},
		{"form post", "POST", []string{"Origin: http://evil.example", "Content-Type: text/plain"}, 403},
		{"image", "GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"}, 403},
		{"link", "GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}, 200},
	}
	for _, tt := range tests {
		path := map[string]string{"PUT": "/api/v1/services/shop/weights", "POST": "/api/v1/services/shop/rollout", "GET": "/api/v1/services"}[tt.method]
		in := body
		if tt.method == "GET" {
			in = ""
		}
		r := p.do(tt.method, path, in, tt.headers...)
		if r.status != tt.want {
			t.Errorf("%s: got %d %s, want %d", tt.name, r.status, r.body, tt.want)
		}
		if r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: CORS header", tt.name)
		}
	}
}

// A proxy at public_url may keep the Host to itself.
func TestCrossSiteByPublicURL(t *testing.T) {
	p := start(t, func(a *config.Admin, _ *Options) { a.PublicURL = "http://ops.lan:8080/sluice" })
	for _, tt := range []struct {
		headers []string
		want    int
	}{
		{[]string{"Origin: http://ops.lan:8080"}, 200},
		{[]string{"Origin: http://ops.lan:8080", "Sec-Fetch-Site: same-origin"}, 200},
		{[]string{"Origin: http://ops.lan:8080", "Sec-Fetch-Site: cross-site"}, 403},
		{[]string{"Origin: https://ops.lan:8080"}, 403},
		{[]string{"Origin: http://ops.lan"}, 403},
		{[]string{"Origin: http://ops.lan:8080.evil.example"}, 403},
		{[]string{"Origin: null"}, 403},
	} {
		if r := p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":100}}`, tt.headers...); r.status != tt.want {
			t.Errorf("%v: got %d %s, want %d", tt.headers, r.status, r.body, tt.want)
		}
	}
}

func TestMethodsAndHeaders(t *testing.T) {
	p := start(t, nil)
	r := p.do("POST", "/api/v1/services/shop/weights", `{}`)
	if r.status != 405 || r.header.Get("Allow") != "PUT" {
		t.Errorf("got %d, Allow %q", r.status, r.header.Get("Allow"))
	}
	r = p.do("OPTIONS", "/api/v1/services/shop/rollout", "")
	if r.status != 405 || r.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("got %d, Allow %q", r.status, r.header.Get("Allow"))
	}
	for _, path := range []string{"/api/v1/services", "/livez", "/metrics", "/nothing"} {
		h := p.do("GET", path, "", "X-Request-Id: abc-1.2_3").header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Request-Id": "abc-1.2_3",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
	}
	for _, bad := range []string{"a b", `"><x`, strings.Repeat("a", 129), ""} {
		if id := p.do("GET", "/livez", "", "X-Request-Id: "+bad).header.Get("X-Request-Id"); id == bad || len(id) != 32 {
			t.Errorf("id %q became %q", bad, id)
		}
	}
	if r := p.do("HEAD", "/api/v1/services/shop", ""); r.status != 200 || r.body != "" || r.header.Get("ETag") == "" {
		t.Errorf("HEAD: %d %q", r.status, r.body)
	}
}

func TestAudit(t *testing.T) {
	p := start(t, withTokens)
	p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":90,"v2":10},"reason":"go"}`, as(1), "X-Request-Id: id1")
	p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":50}}`, as(1), "X-Request-Id: id2")
	p.do("PUT", "/api/v1/services/shop/versions/v2/state", `{"state":"off"}`, as(0), "X-Request-Id: id3")
	p.do("PUT", "/api/v1/services/shop/weights", `{}`, "Authorization: Bearer "+"wrong-secret", "X-Request-Id: id4")
	p.do("PUT", "/api/v1/services/shop/weights", `{}`, as(1), "Origin: http://evil.example", "X-Request-Id: id5")
	p.do("DELETE", "/api/v1/services/shop/weights", "", "X-Request-Id: id6")
	p.do("GET", "/api/v1/services/shop", "", as(1), "X-Request-Id: id7")
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	log := p.audit.String()
	line := func(id string) string {
		for l := range strings.Lines(log) {
			if strings.Contains(l, `msg="admin change"`) && strings.Contains(l, "request_id="+id) {
				return l
			}
		}
		return ""
	}
	tests := []struct {
		id   string
		want []string
	}{
		{"id1", []string{"level=INFO", "who=ci", "role=operator", "remote=127.0.0.1:", "method=PUT", "service=shop", `before="stable=v1 v1=100 v2=0"`, `after="stable=v1 v1=90 v2=10"`, "reason=go", "status=200"}},
		{"id2", []string{"level=WARN", "who=ci", "status=422", `after=""`}},
		{"id3", []string{"who=grafana", "role=viewer", "status=403", `reason="" `}},
		{"id4", []string{"who=unknown", "status=401"}},
		{"id5", []string{"status=403"}},
		{"id6", []string{"method=DELETE", "status=405"}},
	}
	for _, tt := range tests {
		for _, want := range tt.want {
			if !strings.Contains(line(tt.id), want) {
				t.Errorf("%s: %q lacks %q", tt.id, line(tt.id), want)
			}
		}
	}
	if line("id7") != "" {
		t.Error("reading is audited as a change")
	}
	for _, secret := range []string{"operator-1b9c8d7e6f5a4b3c", "viewer-6f0d3d1c9a5e4b7f", "wrong-secret"} {
		if strings.Contains(log, secret) {
			t.Errorf("%s stands in the log", secret)
		}
	}
}

// Strangers can't fill the log: ten lines at once for an address, whatever they send, and a count of the rest. Whoever is
// known has a line for every call.
func TestAuditOfStrangersIsLimited(t *testing.T) {
	p := start(t, withTokens)
	here := netip.MustParsePrefix("127.0.0.1/32")
	p.server.auditLimit.owed[here] = time.Now().Add(time.Hour) // no call was made yet: nobody else looks
	strangers := []func(){
		func() { p.do("POST", "/session", "{", ownSite) },
		func() { p.do("POST", "/session", `{"token":"wrong"}`, "Sec-Fetch-Site: cross-site") },
		func() { p.do("PUT", "/api/v1/services/shop/weights", "{}") },
		func() { p.do("PUT", "/api/v1/services/shop/weights", "{}", "Authorization: Bearer wrong") },
		func() { p.do("DELETE", "/api/v1/services/shop/faults", "", "Host: evil.example") },
		func() { p.do("DELETE", "/session", "") }, // 204: there was nothing to end
		func() { p.do("PATCH", "/api/v1/services/shop/weights", "") },
		func() { p.do("POST", "/links/none", "") },
	}
	for _, call := range strangers {
		call()
	}
	if log := p.audit.String(); strings.Contains(log, "admin change") {
		t.Errorf("beyond the limit: %s", log)
	}
	p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":50}}`, as(1))
	if log := p.audit.String(); !strings.Contains(log, "who=ci") || !strings.Contains(log, fmt.Sprint("refused_without_a_line=", len(strangers))) {
		t.Errorf("the line of somebody known: %s", log)
	}
}

// A name from outside cannot forge a line of the log.
func TestAuditIsOneLine(t *testing.T) {
	p := start(t, nil)
	p.do("PUT", "/api/v1/services/x%0alevel=INFO%20msg=forged/weights", `{"weights":{}}`)
	p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":100},"reason":"a\nlevel=INFO msg=forged"}`)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(p.audit.String()) {
		if strings.HasPrefix(l, "level=INFO msg=forged") || !strings.HasPrefix(l, "time=") {
			t.Errorf("forged: %q", l)
		}
	}
}

func TestConfigIsMasked(t *testing.T) {
	p := start(t, withTokens)
	r := p.do("GET", "/api/v1/config", "", as(0))
	if r.status != 200 || !strings.Contains(r.body, `"config_version"`) || !strings.Contains(r.body, `"grafana"`) {
		t.Errorf("got %d %s", r.status, r.body)
	}
	for _, token := range tokens {
		if strings.Contains(r.body, token.Secret.Reveal()) {
			t.Errorf("secret of %s is shown", token.Name)
		}
	}
}

func TestMasked(t *testing.T) {
	in := map[string]any{
		"services": []any{map[string]any{
			"sticky":  map[string]any{"cookie": "sluice_shop"},
			"headers": map[string]any{"request": map[string]any{"set": map[string]any{"X-Api-Key": "s3cret", "X-Team": "shop", "authorization": "Basic s3cret"}}},
			"rollout": map[string]any{"smoke_tests": []any{map[string]any{
				"payload":           map[string]any{"user": "u", "login": map[string]any{"password": "s3cret"}},
				"endpoint":          "/login?api_key=s3cret&lang=en",
				"expected_response": map[string]any{"session": map[string]any{"token": "s3cret"}},
				"capture":           map[string]any{"auth_token": "$.token"},
			}}, "hooks": []any{map[string]any{
				"url":  "https://hooks.example/run?k=s3cret&s3cret",
				"body": map[string]any{"apiKey": "s3cret"}, "metadata": map[string]any{"token": "s3cret", "cmd": "hey"},
			}}},
		}},
	}
	got := toJSON(t, masked(in))
	if strings.Contains(got, "s3cret") || !strings.Contains(got, `"X-Team":"shop"`) || !strings.Contains(got, `"cookie":"sluice_shop"`) || !strings.Contains(got, "$.token") {
		t.Errorf("got %s", got)
	}
	for _, want := range []string{"/login?api_key=***&lang=en", "https://hooks.example/run?k=***&***"} {
		if !strings.Contains(strings.ReplaceAll(got, `\u0026`, "&"), want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
	if !strings.Contains(toJSON(t, in), "s3cret") {
		t.Error("the configuration itself was changed")
	}
}

func TestValidate(t *testing.T) {
	p := start(t, nil)
	if r := p.do("POST", "/api/v1/config/validate", shop, "Content-Type: application/yaml"); r.status != 200 || strings.TrimSpace(r.body) != `{"valid":true}` {
		t.Errorf("got %d %s", r.status, r.body)
	}
	r := p.do("POST", "/api/v1/config/validate", strings.Replace(shop, "weight: 0", "weight: lots", 1)+"  - name: third\n", "Content-Type: application/yaml")
	var got problem
	r.into(t, &got)
	if r.status != 422 || len(got.Faults) < 2 || got.Faults[0].Line != 9 || got.Faults[0].Col == 0 || !strings.HasPrefix(got.Faults[0].Path, "services[0].versions[1].weight") {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r := p.do("POST", "/api/v1/config/validate", strings.Repeat("#", maxYAML+1)); r.status != 413 {
		t.Errorf("too large: got %d", r.status)
	}
}

// Nothing is expanded for a caller: neither the environment nor a file shows.
func TestValidateExpandsNothing(t *testing.T) {
	p := start(t, nil)
	t.Setenv("SLUICE_TEST_PROBE", "expanded-value")
	file := t.TempDir() + "/secret"
	if err := os.WriteFile(file, []byte("file-content"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"${SLUICE_TEST_PROBE}", "${file:" + file + "}", "${SLUICE_TEST_MISSING}"} {
		r := p.do("POST", "/api/v1/config/validate", strings.Replace(shop, "weight: 0", "weight: \""+value+"\"", 1)+"nonsense: "+value+"\n")
		if strings.Contains(r.body, "expanded-value") || strings.Contains(r.body, "file-content") {
			t.Errorf("%s: %s", value, r.body)
		}
	}
}

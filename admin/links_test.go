package admin

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/config"
	"sluice/rollout"
)

const public = "https://ops.example.com/sluice"

// linked is a plant whose rollout waits at its first gate, and the paths of its links.
func linked(t *testing.T, edit func(*config.Admin, *Options)) (p *plant, approve, abort string) {
	t.Helper()
	p = startWith(t, gated, rollout.Options{}, func(a *config.Admin, o *Options) {
		a.PublicURL, a.Tokens = public+"/", tokens // a link needs none of them
		if edit != nil {
			edit(a, o)
		}
	})
	if _, err := p.controller.StartRollout(rollout.Command{Service: "shop", By: "test"}, ""); err != nil {
		t.Fatal(err)
	}
	approve, abort = p.links()
	return p, approve, abort
}

// links are those of the gate that the rollout waits at, as paths of the listener.
func (p *plant) links() (approve, abort string) {
	p.t.Helper()
	var st rollout.Status
	eventually(p.t, "at a gate", func() bool { st = p.controller.Rollout("shop"); return st.Gate != "" })
	approve, abort = p.server.Links("shop", st.ID, st.Gate)
	if !strings.HasPrefix(approve, public+linksPath) || !strings.HasPrefix(abort, public+linksPath) || approve == abort {
		p.t.Fatalf("links %q and %q", approve, abort)
	}
	return strings.TrimPrefix(approve, public), strings.TrimPrefix(abort, public)
}

const form = "Content-Type: application/x-www-form-urlencoded"

// A chat program fetches what is sent through it, again and again. Only a POST acts, and once.
func TestLinkActsOnceAndByPostAlone(t *testing.T) {
	p, approve, abort := linked(t, nil)
	before := p.controller.Rollout("shop")
	for range 10 {
		r := p.do("GET", approve, "")
		if r.status != 200 || !strings.Contains(r.body, "Approve stage initial of shop?") || !strings.Contains(r.body, "v2 gets 5 % of the traffic") {
			t.Fatalf("GET: %d %s", r.status, r.body)
		}
		if r := p.do("HEAD", abort, ""); r.status != 200 || r.body != "" {
			t.Fatalf("HEAD: %d %s", r.status, r.body)
		}
	}
	if after := p.controller.Rollout("shop"); after.Phase != before.Phase || after.Gate != before.Gate || after.Weight != 0 {
		t.Fatalf("asking changed the rollout: %+v", after)
	}
	if r := p.do("POST", approve, "reason=seen+and+good", form); r.status != 200 || !strings.Contains(r.body, "Approved") {
		t.Fatalf("POST: %d %s", r.status, r.body)
	}
	for _, path := range []string{approve, abort} {
		for _, method := range []string{"POST", "GET"} {
			if r := p.do(method, path, ""); r.status != http.StatusGone || strings.Contains(r.body, "<form") {
				t.Errorf("%s after it was used: %d %s", method, r.status, r.body)
			}
		}
	}
	eventually(t, "running at 5 %", func() bool {
		st := p.controller.Rollout("shop")
		return st.Phase == rollout.PhaseRunning && st.Weight == 5
	})
	audit := p.audit.String()
	for _, want := range []string{"who=link:approve", `reason="seen and good"`, "stage=initial"} {
		if !strings.Contains(audit, want) {
			t.Errorf("the audit lacks %s", want)
		}
	}
	if token := strings.TrimPrefix(approve, linksPath); strings.Contains(audit, token) {
		t.Error("the log holds a token")
	}
}

func TestLinkAborts(t *testing.T) {
	p, approve, abort := linked(t, nil)
	if r := p.do("GET", abort, ""); r.status != 200 || !strings.Contains(r.body, "Abort the rollout of shop?") {
		t.Fatalf("GET: %d %s", r.status, r.body)
	}
	if r := p.do("POST", abort, "", form); r.status != 200 {
		t.Fatalf("POST: %d %s", r.status, r.body)
	}
	if st := p.controller.Rollout("shop"); st.Phase != rollout.PhaseAborted {
		t.Errorf("phase %s", st.Phase)
	}
	if r := p.do("POST", approve, ""); r.status != http.StatusGone {
		t.Errorf("approve after abort: %d", r.status)
	}
	if events, _ := p.controller.Journal().Since(0); len(events) == 0 || events[len(events)-1].By != "link:abort" {
		t.Errorf("the last event is not by the link: %+v", events)
	}
}

func TestLinkIsVoidOnceItsGateIsPassed(t *testing.T) {
	p, approve, abort := linked(t, nil)
	verb := func(verb string) {
		t.Helper()
		if _, err := p.controller.RolloutVerb(rollout.Command{Service: "shop", By: "test"}, verb); err != nil {
			t.Fatal(err)
		}
	}
	verb(rollout.VerbPromote)
	eventually(t, "running", func() bool { return p.controller.Rollout("shop").Phase == rollout.PhaseRunning })
	verb(rollout.VerbPromote) // on to the second gate
	second, _ := p.links()
	for _, path := range []string{approve, abort} {
		if r := p.do("POST", path, ""); r.status != http.StatusGone || !strings.Contains(r.body, "no longer waits at stage initial") {
			t.Errorf("after the gate was passed: %d %s", r.status, r.body)
		}
	}
	verb(rollout.VerbAbort)
	verb(rollout.VerbRetry)
	p.links()
	if r := p.do("POST", second, ""); r.status != http.StatusGone {
		t.Errorf("a link of the run before: %d %s", r.status, r.body)
	}
	if st := p.controller.Rollout("shop"); st.Gate != "stage:initial" {
		t.Errorf("a void link moved the rollout: %+v", st)
	}
}

func TestLinkRefusals(t *testing.T) {
	p, approve, _ := linked(t, nil)
	token := strings.TrimPrefix(approve, linksPath)
	st := p.controller.Rollout("shop")
	expired := p.server.links.key.token(linkClaim{Service: "shop", Run: st.ID, Gate: st.Gate, Action: linkApprove, Expires: time.Now().Add(-time.Second).UnixMilli()})
	var foreign linkKey
	forged := foreign.token(linkClaim{Service: "shop", Run: st.ID, Gate: st.Gate, Action: linkApprove, Expires: time.Now().Add(time.Hour).UnixMilli()})
	for _, tc := range []struct {
		name, token string
		headers     []string
		status      int
	}{
		{"forged", forged, nil, 404},
		{"bent", "x" + token[1:], nil, 404},
		{"no token", base64.RawURLEncoding.EncodeToString([]byte("{}")), nil, 404},
		{"expired", expired, nil, 410},
		{"unknown host", token, []string{"Host: evil.example"}, 403},
		{"another site", token, []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403},
		{"another origin", token, []string{"Origin: https://evil.example"}, 403},
	} {
		if r := p.do("POST", linksPath+tc.token, "", tc.headers...); r.status != tc.status {
			t.Errorf("%s: got %d %s, want %d", tc.name, r.status, r.body, tc.status)
		}
	}
	if now := p.controller.Rollout("shop"); now.Gate != st.Gate {
		t.Fatalf("a refused link moved the rollout: %+v", now)
	}
	for _, headers := range [][]string{{"Host: ops.example.com"}, {"Host: ops.example.com", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}} {
		r := p.do("GET", approve, "", headers...)
		if r.status != 200 {
			t.Errorf("by %v: %d %s", headers, r.status, r.body)
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'sha256-", "Cache-Control": "no-store", "X-Robots-Tag": "noindex",
			"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Content-Type": "text/html",
		} {
			if !strings.Contains(r.header.Get(name), want) {
				t.Errorf("%s: got %q, want %q", name, r.header.Get(name), want)
			}
		}
		if r.header.Get("Set-Cookie") != "" || strings.Contains(r.body, "<script") || strings.Contains(r.body, "http") {
			t.Errorf("a cookie, a script or a foreign address: %s", r.body)
		}
	}
	if r := p.do("POST", approve, "reason="+strings.Repeat("x", 501), form); r.status != 422 {
		t.Errorf("a long reason: %d", r.status)
	}
	if r := p.do("POST", approve, "", form, "Host: ops.example.com", "Sec-Fetch-Site: same-origin"); r.status != 200 {
		t.Errorf("as a browser sends it: %d %s", r.status, r.body)
	}
}

func TestWrongLinksAreThrottled(t *testing.T) {
	p, approve, _ := linked(t, nil)
	var last reply
	for range freeGuesses + 5 {
		last = p.do("GET", linksPath+"guess", "")
	}
	if last.status != http.StatusTooManyRequests || last.header.Get("Retry-After") == "" {
		t.Errorf("after %d guesses: %d", freeGuesses+5, last.status)
	}
	if r := p.do("POST", approve, ""); r.status != 200 {
		t.Errorf("the right one meanwhile: %d", r.status)
	}
	if r := p.do("GET", "/api/v1/services", "", as(0)); r.status != 200 {
		t.Errorf("guessed links hold up tokens: %d", r.status)
	}
}

func TestLinksNeedAPublicURLAndAGate(t *testing.T) {
	p := startWith(t, gated, rollout.Options{}, nil)
	if approve, abort := p.server.Links("shop", "run", "promotion"); approve+abort != "" {
		t.Errorf("without public_url: %q %q", approve, abort)
	}
	p, _, _ = linked(t, nil)
	if approve, abort := p.server.Links("shop", "run", ""); approve+abort != "" {
		t.Errorf("without a gate: %q %q", approve, abort)
	}
}

// A used link stays used after a restart, an unused one stays good.
func TestLinksOfARestartedServer(t *testing.T) {
	dir := t.TempDir()
	p, approve, _ := linked(t, func(_ *config.Admin, o *Options) { o.StateDir = dir })
	o := p.server.o
	again, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	claim, err := again.links.key.claim(strings.TrimPrefix(approve, linksPath))
	if err != nil || again.voidPage(claim, p.controller.Rollout("shop")) != nil {
		t.Fatalf("after a restart: %v", err)
	}
	if r := p.do("POST", approve, ""); r.status != 200 {
		t.Fatalf("POST: %d %s", r.status, r.body)
	}
	if again, err = New(o); err != nil || !again.links.spent(claim) {
		t.Errorf("the used link is forgotten: %v", err)
	}
}

// Of all who press the two buttons at the same moment one decides.
func TestOneOfManyDecides(t *testing.T) {
	p, approve, abort := linked(t, nil)
	done := make(chan int)
	for i := range 16 {
		path := approve
		if i%2 == 0 {
			path = abort
		}
		go func() {
			resp, err := p.client.Post(p.base+path, "application/x-www-form-urlencoded", nil)
			if err != nil {
				done <- 0
				return
			}
			resp.Body.Close()
			done <- resp.StatusCode
		}()
	}
	count := map[int]int{}
	for range 16 {
		count[<-done]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusGone] != 15 {
		t.Errorf("got %v, want 1 of 200 and 15 of 410", count)
	}
}

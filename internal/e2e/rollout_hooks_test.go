package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// hookCall is one request that a receiver of hooks had.
type hookCall struct {
	header http.Header
	body   []byte
}

// receiver keeps what hooks send, and answers as told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []hookCall
	answer func(w http.ResponseWriter, nth int)
}

func startReceiver(t testing.TB, answer func(w http.ResponseWriter, nth int)) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // sluice was killed
		}
		r.mu.Lock()
		r.calls = append(r.calls, hookCall{req.Header.Clone(), body})
		n := len(r.calls)
		r.mu.Unlock()
		r.answer(w, n)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) received() []hookCall {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[:len(r.calls):len(r.calls)]
}

// wantSigned checks the signature as docs/HOOKS.md describes it to others.
func wantSigned(t testing.TB, c hookCall, secret string) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s", c.header.Get("Sluice-Timestamp"), c.body)
	if got, want := c.header.Get("Sluice-Signature"), "sha256="+hex.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("signature: got %s, want %s", got, want)
	}
}

// A hook that was under way at kill -9 is asked again with the same key, and each call is signed.
func TestHookIsAskedAgainAfterAKill(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	hook := startReceiver(t, func(_ http.ResponseWriter, nth int) {
		if nth == 1 {
			<-never
		}
	})
	t.Cleanup(func() { close(never) })
	v1, v2 := startShop(t, "1"), startShop(t, "2")
	p := boot(t, quick(v1, v2, fmt.Sprintf("      hooks: [{name: database, on: before_stage, stages: [all], url: %q, timeout: 60s, secret: 0123456789abcdef0123456789abcdef}]\n", hook.URL)))
	load := startTraffic(t, p, 200, "/")
	p.begin()
	p.until("the hook is asked", func() bool { return len(hook.received()) == 1 })
	if w := p.version("shop", "v2").Weight; w != 50 {
		t.Errorf("v2 has %g %% while the hook before its last stage is asked", w)
	}
	load.stop()
	p.kill()
	p.start()
	p.untilPhase("promoted")
	calls := hook.received()
	if len(calls) != 2 || calls[0].header.Get("Sluice-Delivery") == "" || calls[0].header.Get("Sluice-Delivery") != calls[1].header.Get("Sluice-Delivery") {
		t.Fatalf("deliveries: %+v", calls)
	}
	for _, c := range calls {
		wantSigned(t, c, "0123456789abcdef0123456789abcdef")
	}
	if logs := p.logs(); strings.Contains(logs, "0123456789abcdef") {
		t.Error("the log tells the secret")
	}
}

// Flagger's receivers work unchanged; its load tester is one that answers 202 and is asked all the while.
func TestFlaggerExample(t *testing.T) {
	t.Parallel()
	primary, canary := startShop(t, "1"), startShop(t, "2")
	tester := startReceiver(t, func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusAccepted) })
	p := &process{t: t, dir: t.TempDir(), listen: freeAddress(t), admin: freeAddress(t)}
	text := example(t, "flagger-canary.yaml", at([]*shop{primary, canary}, `listeners: [{address: ":8080"}]`, "",
		"app.example.com", "shop", "http://flagger-loadtester.test/", tester.URL, "duration: 30s", "duration: 1s", "interval: 30s", "interval: 500ms")...)
	p.launch(p.prelude() + text)
	load := startTraffic(t, p, 500, "/")
	p.until("its end", func() bool {
		var r runRollout
		p.api("GET", "/api/v1/services/frontend/rollout", nil, &r)
		if r.Phase == "rolled_back" || r.Phase == "aborted" {
			t.Fatalf("%s: %s", r.Phase, r.Reason)
		}
		return r.Weight >= 30
	})
	load.wantNoFailure(t)
	calls := tester.received()
	if len(calls) < 3 {
		t.Fatalf("the load tester was asked %d times", len(calls))
	}
	var body struct {
		Name, Namespace, Phase, Checksum string
		Metadata                         map[string]string
	}
	if err := json.Unmarshal(calls[0].body, &body); err != nil || body.Name != "frontend" || body.Namespace != "test" || body.Phase != "Progressing" || body.Checksum == "" ||
		!strings.HasPrefix(body.Metadata["cmd"], "hey ") {
		t.Errorf("%v: %s", err, calls[0].body)
	}
}

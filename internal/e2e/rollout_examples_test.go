package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// steps are what receivers of hooks were asked, and what v2's share was then.
type steps struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
	fail string // step that fails; "": none
}

// startSteps answers hooks by their path; see looks at sluice while it is asked.
func startSteps(t testing.TB, fail string, see func(path string)) *steps {
	t.Helper()
	s := &steps{fail: fail}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chat" {
			return // at its own pace
		}
		see(r.URL.Path)
		s.mu.Lock()
		s.seen = append(s.seen, r.URL.Path)
		s.mu.Unlock()
		if fail != "" && strings.HasSuffix(r.URL.Path, fail) {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *steps) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// apiOf is a shop whose API the suite of smoke tests asks. An order needs the token of a login.
func apiOf(ordered *sync.Map) *http.HandlerFunc {
	f := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "GET /api/health":
		case "GET /api/db-check":
			fmt.Fprint(w, `{"connected": true, "latency_ms": 3}`)
		case "POST /api/auth/login":
			var who struct{ Username, Password string }
			if err := json.NewDecoder(r.Body).Decode(&who); err != nil || who.Username != "test_user" || who.Password != "test_pass" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			fmt.Fprint(w, `{"token": "t-4711"}`)
		case "POST /api/orders":
			if r.Header.Get("Authorization") != "Bearer t-4711" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			ordered.Store("order", true)
			w.WriteHeader(http.StatusCreated)
		}
	})
	return &f
}

// The suite of smoke tests carries the token of one test into the next, at the canary's endpoint alone.
func TestSmokeSuiteExample(t *testing.T) {
	t.Parallel()
	for name, good := range map[string]bool{"good": true, "orders fail": false} {
		t.Run(name, func(t *testing.T) {
			var ordered sync.Map
			v1, v2 := startShop(t, "1"), startShop(t, "2")
			if good {
				v2.sell.Store(apiOf(&ordered))
			} else {
				refuse := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/api/orders" {
						w.WriteHeader(http.StatusBadGateway)
						return
					}
					(*apiOf(&ordered))(w, r)
				})
				v2.sell.Store(&refuse)
			}
			p := boot(t, example(t, "smoke-suite.yaml", at([]*shop{v1, v2})...))
			p.begin()
			var r runRollout
			p.until("the tests are through", func() bool { r = p.rollout("shop"); return len(r.Smoke) == 4 })
			if good {
				p.until("v2 gets traffic", func() bool { return p.version("shop", "v2").Weight > 0 })
			} else {
				r = p.untilPhase("rolled_back")
			}
			for i, test := range r.Smoke {
				if test.OK != (good || i < 3) {
					t.Errorf("%+v", test)
				}
			}
			if _, ok := ordered.Load("order"); ok != good {
				t.Errorf("an order with the token of the login arrived: %v", ok)
			}
			if n := v1.sold.Load(); n != 0 {
				t.Errorf("stable had %d requests of the tests", n)
			}
			if !good && (!strings.Contains(r.Reason, "Critical Business Flow") || p.version("shop", "v2").Weight != 0) {
				t.Errorf("%s", r.Reason)
			}
		})
	}
}

// CodeDeploy's hooks come at its points, and its test listener shows green before the switch.
func TestCodeDeployExample(t *testing.T) {
	t.Parallel()
	blue, green := startShop(t, "1"), startShop(t, "2")
	p := &process{t: t, dir: t.TempDir(), listen: freeAddress(t), admin: freeAddress(t)}
	preview := freeAddress(t)
	var mu sync.Mutex
	stable := map[string]string{}
	hooks := startSteps(t, "", func(path string) {
		mu.Lock()
		defer mu.Unlock()
		stable[strings.TrimPrefix(path, "/CodeDeployHook_")] = release(t, p.url("/")) + release(t, "http://"+preview+"/")
	})
	text := example(t, "codedeploy-hooks.yaml", at([]*shop{blue, green}, `":80"`, fmt.Sprintf("%q", p.listen), `":8080"`, fmt.Sprintf("%q", preview),
		"https://hooks.example.com", hooks.URL, "duration: 5m", "duration: 1s", "standby: 5m", "standby: 1s")...)
	p.launch(fmt.Sprintf("admin: {address: %q}\nstate: {dir: %q}\naccess_log: {path: off}\n", p.admin, p.dir+"/state") + text)
	if code := p.api("POST", "/api/v1/services/app/rollout", map[string]string{"action": "start"}, nil); code != http.StatusOK {
		t.Fatalf("start: status %d", code)
	}
	p.until("all hooks", func() bool { return len(hooks.all()) >= 4 })
	want := []string{"/CodeDeployHook_preTrafficHook", "/CodeDeployHook_postTrafficHook", "/CodeDeployHook_preAllowTraffic", "/CodeDeployHook_postAllowTraffic"}
	if got := hooks.all(); !slices.Equal(got, want) {
		t.Errorf("hooks: got %q, want %q", got, want)
	}
	mu.Lock()
	defer mu.Unlock()
	// Users' release, then testers'. After the switch testers see what is not stable.
	for name, want := range map[string]string{"preTrafficHook": "12", "postTrafficHook": "12", "preAllowTraffic": "12", "postAllowTraffic": "21"} {
		if stable[name] != want {
			t.Errorf("at %s users and testers met releases %q, want %q", name, stable[name], want)
		}
	}
}

// The steps of a rollback follow in order once traffic is back; the one that fails ends them and calls
// the emergency procedure.
func TestRollbackManagerExample(t *testing.T) {
	t.Parallel()
	v1, v2 := startShop(t, "1"), startShop(t, "2")
	p := &process{t: t, dir: t.TempDir(), listen: freeAddress(t), admin: freeAddress(t)}
	var mu sync.Mutex
	shares := []float64{}
	hooks := startSteps(t, "/deploy-previous", func(string) {
		mu.Lock()
		defer mu.Unlock()
		shares = append(shares, p.version("shop", "v2").Weight)
	})
	text := example(t, "rollback-manager.yaml", at([]*shop{v1, v2}, "http://127.0.0.1:9800", hooks.URL, "http://127.0.0.1:9801/", hooks.URL+"/chat")...)
	p.launch(p.prelude() + text)
	load := startTraffic(t, p, 500, "/")
	p.begin()
	p.until("v2 has traffic", func() bool { return v2.sold.Load() > 20 })
	if code := p.order("abort"); code != http.StatusOK {
		t.Fatalf("abort: status %d", code)
	}
	want := []string{"/stop-new-instances", "/restore-database", "/deploy-previous", "/page-somebody"}
	p.until("the emergency procedure", func() bool { return slices.Contains(hooks.all(), "/page-somebody") })
	if got := hooks.all(); !slices.Equal(got, want) {
		t.Errorf("steps: got %q, want %q", got, want)
	}
	mu.Lock()
	defer mu.Unlock()
	for i, share := range shares {
		if share != 0 {
			t.Errorf("at step %d v2 had %g %%", i, share)
		}
	}
	load.wantNoFailure(t)
}

// A chaos experiment hits previews, not users, and ends with the process.
func TestChaosExample(t *testing.T) {
	t.Parallel()
	v1, v2 := startShop(t, "1"), startShop(t, "2")
	p := boot(t, example(t, "chaos-experiments.yaml", at([]*shop{v1, v2}, "percent: 50", "percent: 100")...))
	load := startTraffic(t, p, 300, "/")
	preview := func() int {
		req, err := http.NewRequest("GET", p.url("/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Preview", "1")
		resp, _, err := fetch(http.DefaultClient, req)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	if got := preview(); got != http.StatusOK {
		t.Errorf("a preview before the experiment: status %d", got)
	}
	if out, code := p.run("faults", "frontend", "start", "overload", "--reason", "drill"); code != 0 {
		t.Fatalf("start: exit %d: %s", code, out)
	}
	for range 20 {
		if got := preview(); got != http.StatusServiceUnavailable {
			t.Fatalf("a preview within the experiment: status %d", got)
		}
	}
	before := load.answered.Load()
	p.until("users come", func() bool { return load.answered.Load() > before+300 })
	if v := p.version("frontend", "v2"); v.State != "active" || v.Errors != 0 {
		t.Errorf("the experiment is held against v2: %+v", v)
	}
	load.wantNoFailure(t)
	p.kill()
	p.start()
	if got := preview(); got != http.StatusOK {
		t.Errorf("a preview after kill -9: status %d", got)
	}
}

// Outside of its window a rollout does not begin to rise; an abort needs none.
func TestWindowExample(t *testing.T) {
	t.Parallel()
	v1, v2 := startShop(t, "1"), startShop(t, "2")
	now := time.Now().UTC()
	closed := fmt.Sprintf(`from: "%02d:00", to: "%02d:00", timezone: UTC`, now.Add(-3*time.Hour).Hour(), now.Add(-2*time.Hour).Hour())
	p := &process{t: t, dir: t.TempDir(), listen: freeAddress(t), admin: freeAddress(t)}
	text := example(t, "approvals-and-windows.yaml", at([]*shop{v1, v2}, "admin:\n  public_url: https://sluice.example.com # messages carry signed links: approve, abort\n", "",
		`days: mon-thu, from: "09:00", to: "16:00", timezone: Europe/Berlin`, closed, `days: fri, from: "09:00", to: "12:00", timezone: Europe/Berlin`, closed)...)
	p.launch(p.prelude() + text)
	load := startTraffic(t, p, 200, "/")
	p.begin()
	p.until("it waits for its window", func() bool { return p.rollout("shop").Waiting == "window" })
	mark := load.answered.Load()
	p.until("users come", func() bool { return load.answered.Load() > mark+300 })
	if r := p.rollout("shop"); r.Waiting != "window" || v2.sold.Load() != 0 {
		t.Errorf("outside of the window: %s, v2 had %d requests", r.Reason, v2.sold.Load())
	}
	if out, code := p.run("rollout", "abort", "shop"); code != 0 {
		t.Errorf("abort: exit %d: %s", code, out)
	}
	p.untilPhase("aborted")
	load.wantNoFailure(t)
}

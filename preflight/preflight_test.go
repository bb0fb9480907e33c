package preflight

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/config"
	"sluice/internal/backend"
	"sluice/upstream"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const day = 24 * time.Hour

func server(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// closed is an address that refuses connections.
func closed(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	return "http://" + ln.Addr().String()
}

// silent is an address that accepts connections and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	raw, err := backend.StartRaw(func(_ net.Conn, br *bufio.Reader) { _, _ = br.ReadString(0) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	return raw.URL()
}

func pool(t *testing.T, o upstream.Options, urls ...string) *upstream.Pool {
	t.Helper()
	o.Service, o.Version = "shop", "v"
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			t.Fatal(err)
		}
		o.Endpoints = append(o.Endpoints, upstream.Address{URL: text, Scheme: u.Scheme, Host: u.Hostname(), Port: port})
	}
	p, err := upstream.New(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Retire(nil) })
	return p
}

// subject is a rollout that nothing speaks against.
func subject(t *testing.T) Subject {
	t.Helper()
	dir := t.TempDir()
	fine := server(t, func(http.ResponseWriter, *http.Request) {})
	service := &config.Service{Name: "shop", Stable: "v1", Versions: []config.Version{{Name: "v1"}, {Name: "v2"}},
		Timeouts: config.Timeouts{Connect: time.Second}, Limits: config.Limits{ConnectionsPerVersion: 100},
		Health:  &config.Health{},
		Rollout: &config.Rollout{Strategy: "canary", Canary: "v2", Stages: []config.Stage{{Name: "first", WeightBP: 500}, {Name: "last", WeightBP: 10_000}}}}
	cfg := &config.Config{Version: "abc", State: config.StateStore{Dir: filepath.Join(dir, "state")}}
	return Subject{Config: cfg, Service: service, Canary: "v2", Stable: "v1", RPS: 100,
		CanaryPool: pool(t, upstream.Options{}, fine), StablePool: pool(t, upstream.Options{}, fine),
		OnDisk: func() (*config.Config, error) { return cfg, nil }, Plan: func() []string { return nil },
		Ask: func(context.Context, *config.Prometheus) error { return nil }}
}

// findings are the lines "name severity: message" of what is not OK.
func findings(t *testing.T, s Subject) []string {
	t.Helper()
	var out []string
	for _, f := range Examine(t.Context(), s) {
		if f.Name == "" || f.Message == "" || f.Severity != Critical && f.Severity != Warning {
			t.Errorf("incomplete: %+v", f)
		}
		if !f.OK {
			out = append(out, fmt.Sprintf("%s %s: %s", f.Name, f.Severity, f.Message))
		}
	}
	return out
}

// want checks that exactly these are not OK, each by what its line must hold, in order; parts are separated by "…".
func want(t *testing.T, s Subject, lines ...string) {
	t.Helper()
	got := findings(t, s)
	if len(got) != len(lines) {
		t.Fatalf("got %q, want %q", got, lines)
	}
	for i, line := range lines {
		for part := range strings.SplitSeq(line, "…") {
			if !strings.Contains(got[i], part) {
				t.Errorf("got %q, want %q in it", got[i], part)
			}
		}
	}
}

func TestNothingSpeaksAgainstIt(t *testing.T) {
	s := subject(t)
	want(t, s)
	names := ""
	for _, f := range Examine(t.Context(), s) {
		names += f.Name + " "
	}
	if names != "configuration secrets endpoints health state hooks metrics capacity stages clock " {
		t.Errorf("got %s", names)
	}
	if left, err := os.ReadDir(s.Config.State.Dir); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestConfiguration(t *testing.T) {
	s := subject(t)
	s.OnDisk = func() (*config.Config, error) { return nil, errors.New("f:1:2: a\nf:3:4: b\nf:5:6: c") }
	want(t, s, "configuration critical: the file has faults, version abc stays in force: f:1:2: a (and 2 more)")
	s.OnDisk = func() (*config.Config, error) { return &config.Config{Version: "def"}, nil }
	want(t, s, "configuration warning: the file is version def, and version abc is in force: it has not been reloaded")
}

func TestSecrets(t *testing.T) {
	s := subject(t)
	gone := filepath.Join(t.TempDir(), "gone.pem")
	s.Config.Listeners = []config.Listener{{TLS: &config.TLS{ClientCA: gone, Certificates: []config.Certificate{{Cert: t.TempDir(), Key: gone}}}}}
	want(t, s, "secrets critical: a restart would fail: …gone.pem: no such file…not a regular file")
}

func TestEndpoints(t *testing.T) {
	s := subject(t)
	good, bad := server(t, func(http.ResponseWriter, *http.Request) {}), closed(t)
	s.CanaryPool = pool(t, upstream.Options{}, good, bad)
	want(t, s, "endpoints critical: 1 of 2 can't be reached: "+bad+"…connection refused")
	s.Service.Rollout.Strategy = "rolling"
	want(t, s, "endpoints warning: 1 of 2 can't be reached")
	s.Service.Rollout.Strategy = "canary"

	s.CanaryPool = pool(t, upstream.Options{})
	want(t, s, "endpoints critical: version v2 has no endpoint: none is configured", "health critical: version v2 has no endpoint")
	s.CanaryPool = nil
	want(t, s, "endpoints critical: version v2 is not in force", "health critical: version v2 is not in force")
	s.CanaryPool = pool(t, upstream.Options{ConnectTimeout: 2 * time.Second}, "http://no-such-host.invalid:80")
	s.Service.Versions[1].Endpoints = []config.Endpoint{{URL: "http://no-such-host.invalid:80"}}
	want(t, s, "endpoints critical: …http://no-such-host.invalid:80 could not be looked up", "health critical: version v2 has no endpoint")
}

func TestCertificates(t *testing.T) {
	a := newAuthority(t)
	trusting := upstream.Options{TLS: &tls.Config{RootCAs: a.roots, MinVersion: tls.VersionTLS12}}
	s := subject(t)
	s.CanaryPool = pool(t, trusting, a.server(t, 15*day))
	want(t, s)
	s.CanaryPool = pool(t, trusting, a.server(t, 15*day), a.server(t, 13*day))
	s.StablePool = s.CanaryPool
	want(t, s, "tls warning: certificates end within 14 days: https://127.0.0.1:…: until ")
	expired := a.server(t, -time.Hour)
	s.CanaryPool = pool(t, trusting, expired, a.server(t, 13*day))
	want(t, s, "tls critical: 1 of 2 fail the handshake: "+expired+"…expired")
	s.CanaryPool = pool(t, upstream.Options{}, a.server(t, 15*day), a.server(t, 15*day))
	want(t, s, "tls critical: 2 of 2 fail the handshake: …unknown authority")
	named := trusting
	named.TLS = &tls.Config{RootCAs: a.roots, ServerName: "shop.internal", MinVersion: tls.VersionTLS12}
	s.CanaryPool = pool(t, named, a.server(t, 15*day), a.server(t, 15*day))
	want(t, s, "tls critical: 2 of 2 fail the handshake: …shop.internal")
	s.Service.Timeouts.Connect = 50 * time.Millisecond
	s.CanaryPool = pool(t, trusting, strings.Replace(silent(t), "http", "https", 1), a.server(t, 15*day))
	want(t, s, "tls critical: 1 of 2 fail the handshake")
}

func TestHealth(t *testing.T) {
	o := upstream.Options{Health: &upstream.Health{Timeout: 100 * time.Millisecond,
		Checks: []upstream.Check{{Path: "/health", JSON: map[string]any{"connected": true}}}}}
	good := server(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"connected": true}`) })
	wrong := server(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"connected": false}`) })
	s := subject(t)
	s.CanaryPool = pool(t, o, good)
	want(t, s)
	s.CanaryPool = pool(t, o, good, wrong, silent(t))
	want(t, s, "health critical: 2 of 3 endpoints of v2 fail their checks: "+wrong+"…json connected: got false, want true…no answer within 100ms")
	s.Service.Health = nil
	want(t, s)
}

func TestState(t *testing.T) {
	s := subject(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Config.State.Dir = filepath.Join(file, "state")
	want(t, s, "state critical: a rise could not be saved: …not a directory")
	s.Config.State.Dir = ""
	want(t, s, "state warning: state is not kept")
	dir := t.TempDir()
	huge, err := os.Create(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer huge.Close()
	if free, known := freeBytes(dir); known {
		if err := huge.Truncate(int64(min(free, 1<<42))); err != nil { // sparse
			t.Fatal(err)
		}
		s.Config.State.Dir = dir
		want(t, s, "state critical: …left, and saving needs ")
	}
}

func TestHooks(t *testing.T) {
	s := subject(t)
	there, gone := server(t, nil), closed(t)
	s.Service.Rollout.Hooks = []config.Hook{{Name: "load", URL: there + "/x"}, {Name: "gate", URL: gone + "/with-a-key"}}
	s.Service.Rollout.Notify = []config.Notify{{Type: "slack", URL: config.Secret(gone + "/services/T0/SECRET")}, {Type: "teams", URL: config.Secret(there)}}
	want(t, s, "hooks warning: 1 of 2 hosts can't be reached: hook gate: …connection refused")
	for _, line := range findings(t, s) {
		if strings.Contains(line, "SECRET") || strings.Contains(line, "key") {
			t.Errorf("a secret shows: %s", line)
		}
	}
	s.Service.Rollout.Hooks, s.Service.Rollout.Notify = nil, nil
	want(t, s)
}

func TestMetrics(t *testing.T) {
	s := subject(t)
	s.Service.Guard.Metrics = []config.Metric{{Name: "good", Prometheus: config.Prometheus{URL: "a"}}, {Name: "bad", Prometheus: config.Prometheus{URL: "b"}}}
	s.Ask = func(_ context.Context, p *config.Prometheus) error {
		if p.URL == "b" {
			return errors.New("answered 401")
		}
		return nil
	}
	want(t, s, "metrics warning: 1 of 2 sources don't answer: bad: answered 401")
	s.Service.Guard.Metrics[0].Success = []config.Threshold{{}}
	want(t, s, "metrics warning")
	s.Service.Guard.Metrics[1].Success = []config.Threshold{{}}
	want(t, s, "metrics critical")
}

func TestCapacity(t *testing.T) {
	var urls []string
	for range 5 {
		urls = append(urls, server(t, func(http.ResponseWriter, *http.Request) {}))
	}
	s := subject(t)
	f := func(canary, stable int, lines ...string) {
		t.Helper()
		s.CanaryPool, s.StablePool = pool(t, upstream.Options{}, urls[:canary]...), pool(t, upstream.Options{}, urls[:stable]...)
		want(t, s, lines...)
	}
	f(5, 5)
	f(5, 1)
	f(2, 5, "capacity warning: with all the traffic each of the 2 endpoints of v2 gets 2.5 times what one of the 5 of v1 has now (50 instead of 20 requests/s)")
	s.Service.Rollout.Stages[0].WeightBP = 5000
	f(2, 5, "capacity warning: at stage first each of the 2 endpoints of v2 gets 1.25 times what one of the 5 of v1 has now (25 instead of 20 requests/s)")
	s.RPS = -1
	f(2, 5, "capacity warning: at stage first … 1.25 times what one of the 5 of v1 has now")
	s.Service.Rollout = &config.Rollout{Strategy: "shadow"}
	s.Service.Mirror = &config.Mirror{To: "v2", Percent: 20}
	f(1, 5)
	s.Service.Mirror.Percent = 100
	f(1, 5, "capacity warning: at the mirror's share each of the 1 endpoints of v2 gets 5 times")
	s.Service.Rollout = &config.Rollout{Strategy: "blue_green"}
	f(1, 5, "capacity warning: at the switch each of the 1 endpoints of v2 gets 5 times")
	s.Service.Rollout.Strategy = "rolling"
	f(1, 5, "capacity warning: with all the traffic each of the 1 endpoints of v2 gets 5 times")
}

func TestConnectionsNearTheirLimit(t *testing.T) {
	s := subject(t)
	s.Service.Limits.ConnectionsPerVersion = 1
	e := s.StablePool.Endpoints()[0]
	c, err := s.StablePool.Conn(t.Context(), e, false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	want(t, s, "capacity warning: v1 has 1 connections open of 1 that a version may have: with all the traffic v2 will need as many")
}

func TestStages(t *testing.T) {
	s := subject(t)
	s.Plan = func() []string { return []string{"stage first: it can't decide", "stage last: neither"} }
	want(t, s, "stages warning: at the present traffic stage first: it can't decide; stage last: neither")
}

func TestClock(t *testing.T) {
	s := subject(t)
	s.Now = func() time.Time { return time.Unix(1000, 0) }
	want(t, s, "clock warning: the clock says 1970-01-01T00:16:40Z, which can't be")
	s.Now = nil
	s.Config.Path = filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(s.Config.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, s)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(s.Config.Path, later, later); err != nil {
		t.Fatal(err)
	}
	want(t, s, "clock warning: …sluice.yaml was changed at …: it was set back")
	s.Config.Path = ""
	s.Service.Versions[1].Labels = map[string]string{"committed_at": later.Format(time.RFC3339)}
	want(t, s, "clock warning: label committed_at of v2 is …: the lead time stays unknown")
	s.Service.Versions[1].Labels = map[string]string{"committed_at": "yesterday"}
	want(t, s, "clock warning: label committed_at of v2: want a time such as 2026-11-20T10:00:00Z: the lead time stays unknown")
}

// What has no answer is a finding, and keeps no one waiting.
func TestCheckThatHangs(t *testing.T) {
	s := subject(t)
	release := make(chan struct{})
	asked := make(chan struct{})
	s.OnDisk = func() (*config.Config, error) {
		close(asked)
		<-release
		return s.Config, nil
	}
	s.Service.Guard.Metrics = []config.Metric{{Name: "slow"}}
	s.Ask = func(ctx context.Context, _ *config.Prometheus) error { <-ctx.Done(); return ctx.Err() }
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	began := time.Now()
	all := Examine(ctx, s)
	close(release)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	if f := all[0]; f.Name != "configuration" || f.OK || f.Severity != Critical || f.Message != "there was no answer in time" {
		t.Errorf("got %+v", f)
	}
	for _, f := range all {
		if f.Name == "metrics" && (f.OK || !strings.Contains(f.Message, "slow: context canceled")) {
			t.Errorf("got %+v", f)
		}
	}
}

func TestSome(t *testing.T) {
	if got := some([]string{"1", "2", "3", "4", "5", "6", "7"}); got != "1; 2; 3; 4; 5; and 2 more" {
		t.Errorf("got %q", got)
	}
}

package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
	"sluice/rollout"
	"sluice/router"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is a service of two versions, and a second service to tell things apart.
const shop = `
listeners: [{address: "127.0.0.1:18080"}]
services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: 100, endpoints: ["http://127.0.0.1:9001"]}
      - {name: v2, weight: 0, endpoints: ["http://127.0.0.1:9002"]}
  - name: cart
    routes: [{path: /cart}]
    stable: old
    versions:
      - {name: old, weight: 100, endpoints: ["http://127.0.0.1:9003"]}
`

// tokens gives one of each role, with secrets that must never be shown.
var tokens = []config.Token{
	{Name: "grafana", Role: config.RoleViewer, Secret: "viewer-6f0d3d1c9a5e4b7f"},
	{Name: "ci", Role: config.RoleOperator, Secret: "operator-1b9c8d7e6f5a4b3c"},
	{Name: "root", Role: config.RoleAdmin, Secret: "admin-0a1b2c3d4e5f6071"},
}

// plant is a server with the real router and controller behind it.
type plant struct {
	t          *testing.T
	server     *Server
	live       *router.Live
	controller *rollout.Controller
	config     atomic.Pointer[config.Config]
	base       string
	client     *http.Client
	audit      *lines
	stop       func() error // ends Run and returns what it did
}

// lines collects what is logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// start runs a server on a loopback port. edit changes the admin settings and options.
func start(t *testing.T, edit func(*config.Admin, *Options)) *plant {
	t.Helper()
	return startWith(t, shop, rollout.Options{}, edit)
}

// startWith is start with another file and controller.
func startWith(t *testing.T, file string, c rollout.Options, edit func(*config.Admin, *Options)) *plant {
	t.Helper()
	p := buildWith(t, file, c, edit)
	admin := p.config.Load().Admin
	ln, err := Listen(admin)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- p.controller.Run(ctx) }()
	go func() { done <- p.server.Run(ctx, ln) }()
	p.stop = sync.OnceValue(func() error {
		cancel()
		first := <-done
		if second := <-done; first == nil {
			first = second
		}
		p.client.CloseIdleConnections()
		return first
	})
	t.Cleanup(func() { _ = p.stop() })
	p.base = "http://" + ln.Addr().String()
	if admin.TLS != nil {
		p.base = "https://" + ln.Addr().String()
	}
	return p
}

// build makes a server that does not run.
func build(t *testing.T, edit func(*config.Admin, *Options)) *plant {
	t.Helper()
	return buildWith(t, shop, rollout.Options{}, edit)
}

func buildWith(t *testing.T, file string, c rollout.Options, edit func(*config.Admin, *Options)) *plant {
	t.Helper()
	cfg, err := config.Parse("shop.yaml", []byte(file), config.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p := &plant{t: t, live: router.NewLive(), client: &http.Client{Transport: &http.Transport{}}, audit: new(lines)}
	c.Traffic = p.live
	p.controller, err = rollout.New(c)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Config: p.config.Load, Live: p.live, Controller: p.controller, BuildVersion: "1.2.3",
		Reloads: func() Reloads { return Reloads{LastOK: true, Successes: 2, Failures: 1} },
		Logger:  slog.New(slog.NewTextHandler(p.audit, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	cfg.Admin.Address = "127.0.0.1:0"
	if edit != nil {
		edit(&cfg.Admin, &o)
	}
	p.adopt(cfg)
	if p.server, err = New(o); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *plant) adopt(cfg *config.Config) {
	p.t.Helper()
	err := p.controller.Reload(cfg, func(fresh map[string]config.Weights) error {
		table, err := router.Build(cfg, p.live.Load(), fresh)
		if err == nil {
			p.live.Store(table)
			p.config.Store(cfg)
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends one request. Headers are "Name: value".
func (p *plant) do(method, path, body string, headers ...string) reply {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(data)}
}

func (r reply) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), v); err != nil {
		t.Fatalf("answer %q: %v", r.body, err)
	}
}

// as is the header that makes one the holder of tokens[i].
func as(i int) string { return "Authorization: Bearer " + tokens[i].Secret.Reveal() }

// send records n first attempts that ended in o after 20 ms.
func (p *plant) send(service, version string, n int, o analysis.Outcome) {
	p.t.Helper()
	svc := p.live.Load().Service(service)
	for _, v := range svc.Versions {
		if v.Name == version {
			for range n {
				begin := analysis.Now()
				v.Split.Start(0, begin)
				v.Split.Record(0, begin, begin+int64(20*time.Millisecond), o)
			}
			return
		}
	}
	p.t.Fatalf("no version %s", version)
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// overUnix makes the client speak to a Unix socket.
func overUnix(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// serve is a server that answers with handler; its URL.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

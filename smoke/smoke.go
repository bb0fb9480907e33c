package smoke

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"sluice/config"
)

const (
	atOnce         = 5                // endpoints tested at the same time
	maxBody        = 1 << 20          // bytes read of an answer
	defaultTimeout = 5 * time.Second  // of a test that names none
	maxHead        = 64 << 10         // bytes of an answer's head
	dialTimeout    = 10 * time.Second // of tests with a longer one
)

// Target is one endpoint to test.
type Target struct {
	URL       string            // http(s)://host:port, without a path
	Address   string            // host:port to connect to; "": that of URL
	Host      string            // Host header; "": that of URL. A test's own header Host goes before
	TLS       *tls.Config       // for https; nil: the system's roots. Without ServerName it is the host of URL
	Preamble  []byte            // sent first on every connection, before TLS; nil: nothing
	Variables map[string]string // known before the first test: service, version, endpoint, label_<name>
}

// Result is one test against one endpoint.
type Result struct {
	Name     string
	Endpoint string // the target's URL, with its address if that is another
	OK       bool
	Status   int // 0: no answer
	Took     time.Duration
	Message  string // what was got and what was wanted; "" if OK. Without secrets
}

// RunAll runs the tests against each target, up to five at the same time; the results are in
// the order of targets and tests.
func RunAll(ctx context.Context, tests []config.SmokeTest, targets []Target) []Result {
	each := make([][]Result, len(targets))
	turns := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i := range targets {
		wg.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			each[i] = Run(ctx, tests, targets[i])
		})
	}
	wg.Wait()
	var all []Result
	for _, results := range each {
		all = append(all, results...)
	}
	return all
}

// Run runs the tests one after the other, all of them whatever becomes of those before: one result each. A test that needs
// a value which an earlier one did not bring fails without a request, as does one after the end of ctx. Redirects are
// answers like any other, and no proxy of the environment is used. Configuration errors are results as well.
func Run(ctx context.Context, tests []config.SmokeTest, target Target) []Result {
	r := &runner{target: target, values: map[string]any{}, owed: map[string]string{}}
	for name, value := range target.Variables {
		r.values[name] = value
		r.secrets.add(name, value)
	}
	client, done := target.client()
	defer done()
	results := make([]Result, 0, len(tests))
	for i := range tests {
		t := &tests[i]
		began := time.Now()
		status, err := r.test(ctx, client, t)
		result := Result{Name: t.Name, Endpoint: target.name(), OK: err == nil, Status: status, Took: time.Since(began)}
		if err != nil {
			result.Message = r.secrets.mask(err.Error())
			for name := range t.Capture {
				if _, known := r.values[name]; !known {
					r.owed[name] = t.Name
				}
			}
		}
		results = append(results, result)
	}
	return results
}

func (t *Target) name() string {
	if u, err := url.Parse(t.URL); err == nil && t.Address != "" && t.Address != u.Host {
		return t.URL + " (" + t.Address + ")"
	}
	return t.URL
}

// client talks HTTP/1.1 to the target alone, as the proxy does. Each test has a connection of its own: one
// that the server has just closed would fail a test that must not be sent twice.
func (t *Target) client() (client *http.Client, done func()) {
	dialer := net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		TLSClientConfig: t.TLS.Clone(), TLSHandshakeTimeout: dialTimeout, DisableCompression: true,
		MaxResponseHeaderBytes: maxHead, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if t.Address != "" {
				address = t.Address
			}
			return t.dial(ctx, &dialer, network, address)
		},
	}
	client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client, transport.CloseIdleConnections
}

// dial connects and says what goes before all else.
func (t *Target) dial(ctx context.Context, dialer *net.Dialer, network, address string) (net.Conn, error) {
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil || len(t.Preamble) == 0 {
		return conn, err
	}
	if _, err := conn.Write(t.Preamble); err != nil { // fits the buffer of a new socket
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// runner is one sequence of tests.
type runner struct {
	target  Target
	values  map[string]any    // what ${name} stands for: text, or decoded JSON
	owed    map[string]string // values that a test which failed should have brought
	secrets secrets
}

// test makes one request and judges its answer. The status is 0 without one.
func (r *runner) test(ctx context.Context, client *http.Client, t *config.SmokeTest) (status int, err error) {
	timeout := t.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	within, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no whole answer within %v", timeout))
	defer cancel()
	if ctx.Err() != nil {
		return 0, fmt.Errorf("not run: %w", context.Cause(ctx))
	}
	request, err := r.request(within, t)
	if err != nil {
		return 0, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, because(within, err)
	}
	defer answer.Body.Close()
	if want := expectedStatus(t); answer.StatusCode != want {
		return answer.StatusCode, fmt.Errorf("status: got %d, want %d%s", answer.StatusCode, want, redirected(answer))
	}
	err = r.judge(within, t, answer)
	return answer.StatusCode, err
}

func expectedStatus(t *config.SmokeTest) int {
	if t.ExpectedStatus == 0 {
		return http.StatusOK
	}
	return t.ExpectedStatus
}

// redirected says where to: the usual reason for a 3xx is a Host or a scheme that the endpoint does not serve.
func redirected(answer *http.Response) string {
	if to, err := answer.Location(); err == nil {
		return fmt.Sprintf(" (it redirects to %s)", clip(to.Host+to.Path))
	}
	return ""
}

// because drops the URL that net/http repeats, and tells a timeout by its length.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err
}

// keep makes captured values known to later tests. Those of a test that failed never are.
func (r *runner) keep(captured map[string]any) {
	maps.Copy(r.values, captured)
	for name := range captured {
		delete(r.owed, name)
	}
}

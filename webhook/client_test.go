package webhook

import (
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// quick is a client whose pauses are short.
func quick() *Client {
	return &Client{Version: "1.2.3", Pause: time.Millisecond, Longest: 20 * time.Millisecond}
}

// serve answers with handle until the test ends, and counts the requests.
func serve(t *testing.T, handle http.HandlerFunc) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	count := new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	return s, count
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func TestWhatIsSent(t *testing.T) {
	type sent struct {
		header  http.Header
		body    string
		user    string
		method  string
		genuine error
	}
	got := make(chan sent, 1)
	s, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, _, _ := r.BasicAuth()
		got <- sent{r.Header, string(body), user, r.Method, Verify("key", r.Header, body, time.Now(), 0)}
	})
	r := quick().Send(t.Context(), Request{
		URL: strings.Replace(s.URL, "http://", "http://anna:pass@", 1) + "/hook", Body: []byte(`{"a":1}`), Event: "before_stage",
		Delivery: "run-1/load-test", Secret: "key",
	})
	if !r.OK || r.Status != 200 || r.Attempts != 1 || r.Took <= 0 || r.Message != "" {
		t.Fatalf("got %+v", r)
	}
	g := <-got
	want := map[string]string{"Content-Type": "application/json", "User-Agent": "sluice/1.2.3", "Sluice-Event": "before_stage", "Sluice-Delivery": "run-1/load-test"}
	for name, value := range want {
		if g.header.Get(name) != value {
			t.Errorf("%s: got %q, want %q", name, g.header.Get(name), value)
		}
	}
	if g.method != "POST" || g.body != `{"a":1}` || g.user != "anna" || g.genuine != nil {
		t.Errorf("got %+v", g)
	}
}

func TestUnsignedWithoutSecret(t *testing.T) {
	got := make(chan http.Header, 1)
	s, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header })
	if r := new(Client).Send(t.Context(), Request{URL: s.URL}); !r.OK {
		t.Fatalf("the zero client: got %+v", r)
	}
	for name := range <-got {
		if strings.HasPrefix(name, "Sluice-") {
			t.Errorf("%s was sent, though there is nothing to say in it", name)
		}
	}
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("é", 300)
	for _, tt := range []struct {
		name    string
		code    int
		body    string
		passes  func(int) bool
		ok      bool
		tries   int64
		message string
	}{
		{"ok", 200, "fine\n", nil, true, 1, "fine"},
		{"no content", 204, "", nil, true, 1, ""},
		{"the last that passes", 299, "", nil, true, 1, ""},
		{"a redirect", 302, "", nil, false, 1, "answered 302, a redirect, which is not followed"},
		{"a redirect that keeps the method", 308, "", nil, false, 1, "answered 308, a redirect, which is not followed"},
		{"refused", 403, "no capacity", nil, false, 1, "answered 403: no capacity"},
		{"too many", 429, "", nil, false, 3, "answered 429"},
		{"broken", 500, "oops\n\tat line 3\x1b[31m", nil, false, 3, "answered 500: oops at line 3[31m"},
		{"not implemented", 501, "", nil, false, 1, "answered 501"},
		{"unavailable", 503, "", nil, false, 3, "answered 503"},
		{"a long answer", 400, long, nil, false, 1, "answered 400: " + strings.Repeat("é", 200) + "…"},
		{"more than is read", 200, strings.Repeat("x", maxAnswer+1000), nil, true, 1, strings.Repeat("x", 200) + "…"},
		{"flagger: accepted", 202, "", flaggerPasses, true, 1, ""},
		{"flagger: no content", 204, "", flaggerPasses, false, 1, "answered 204"},
		{"flagger: broken", 500, "", flaggerPasses, false, 3, "answered 500"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, count := serve(t, status(tt.code, tt.body))
			r := quick().Send(t.Context(), Request{URL: s.URL, Retries: 2, Passes: tt.passes})
			if r.OK != tt.ok || r.Status != tt.code || int64(r.Attempts) != tt.tries || count.Load() != tt.tries || r.Message != tt.message {
				t.Errorf("got %+v after %d requests", r, count.Load())
			}
		})
	}
}

func TestRetriesKeepTheirKey(t *testing.T) {
	keys := make(chan string, 4)
	var calls atomic.Int64
	s, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := Verify("key", r.Header, body, time.Now(), 0); err != nil {
			t.Error(err)
		}
		keys <- r.Header.Get("Sluice-Delivery")
		if calls.Add(1) < 3 {
			w.WriteHeader(500)
		}
	})
	r := quick().Send(t.Context(), Request{URL: s.URL, Body: []byte("{}"), Delivery: "d", Secret: "key", Retries: 5})
	if !r.OK || r.Attempts != 3 || r.Message != "" {
		t.Errorf("got %+v", r)
	}
	for range 3 {
		if key := <-keys; key != "d" {
			t.Errorf("got delivery %q, want d", key)
		}
	}
}

func TestConnectionsThatFail(t *testing.T) {
	reset, resets := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	})
	closed, _ := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	cut, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	})
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, tt := range []struct{ name, url, message string }{
		{"reset", reset.URL, "connection reset by peer"},
		{"closed", closed.URL, "closed without an answer"},
		{"cut short", cut.URL, "answered 200, but the answer did not end"},
		{"refused", gone.URL, "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := quick().Send(t.Context(), Request{URL: tt.url, Retries: 1})
			if r.OK || r.Attempts != 2 || !strings.Contains(r.Message, tt.message) {
				t.Errorf("got %+v, want %q", r, tt.message)
			}
		})
	}
	if resets.Load() != 2 {
		t.Errorf("got %d requests, want 2", resets.Load())
	}
}

func TestTimeouts(t *testing.T) {
	release := make(chan struct{})
	hang, _ := serve(t, func(_ http.ResponseWriter, _ *http.Request) { <-release })
	slow, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		<-release
	})
	t.Cleanup(func() { close(release) }) // before the servers close, which wait for their requests
	r := quick().Send(t.Context(), Request{URL: hang.URL, Timeout: 20 * time.Millisecond, Retries: 2})
	if r.OK || r.Attempts != 3 || r.Message != "no answer within 20ms" || r.Took < 60*time.Millisecond {
		t.Errorf("a server that hangs: got %+v", r)
	}
	r = quick().Send(t.Context(), Request{URL: slow.URL, Timeout: 20 * time.Millisecond})
	if r.OK || r.Status != 200 || !strings.Contains(r.Message, "the answer did not end: no answer within 20ms") {
		t.Errorf("a body that hangs: got %+v", r)
	}
}

func TestCancelEndsAtOnce(t *testing.T) {
	arrived, answered, release := make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{})
	hang, _ := serve(t, func(_ http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
	})
	t.Cleanup(func() { close(release) })
	busy := httptest.NewUnstartedServer(status(503, ""))
	busy.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed { // the client has read the answer: it pauses
			answered <- struct{}{}
		}
	}
	busy.Start()
	t.Cleanup(busy.Close)
	for _, tt := range []struct {
		name, url string
		begun     chan struct{}
	}{{"while it hangs", hang.URL, arrived}, {"between two attempts", busy.URL, answered}} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan Result, 1)
			c := &Client{Pause: time.Hour, Longest: time.Hour}
			go func() { done <- c.Send(ctx, Request{URL: tt.url, Timeout: time.Hour, Retries: 3}) }()
			<-tt.begun
			cancel()
			select {
			case r := <-done:
				if r.OK || r.Attempts != 1 {
					t.Errorf("got %+v", r)
				}
			case <-time.After(patience):
				t.Error("Send went on after its context had ended")
			}
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	target, reached := serve(t, status(200, ""))
	s, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
	})
	r := quick().Send(t.Context(), Request{URL: s.URL, Retries: 3, Secret: "key"})
	if r.OK || r.Attempts != 1 || reached.Load() != 0 {
		t.Errorf("got %+v, and the target was asked %d times", r, reached.Load())
	}
}

func TestMessagesHideSecrets(t *testing.T) {
	echo, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(400)
		_, _ = io.WriteString(w, r.URL.String()+" "+r.Header.Get("Authorization")+" hunter-two "+r.URL.Query().Get("token")+" secret-key")
	})
	host := strings.TrimPrefix(echo.URL, "http://")
	for _, at := range []string{host, "127.0.0.1:1"} {
		r := quick().Send(t.Context(), Request{URL: "http://somebody:hunter-two@" + at + "/services/T000/B000?token=query-token", Secret: "secret-key"})
		for _, secret := range []string{"hunter-two", "query-token", "secret-key", "T000"} {
			if r.OK || strings.Contains(r.Message, secret) {
				t.Errorf("got %+v, want no %s in it", r, secret)
			}
		}
	}
}

func TestBadURLs(t *testing.T) {
	for _, in := range []string{"", "ftp://x", "http://", "http://[", "/path", "http://a b/"} {
		r := quick().Send(t.Context(), Request{URL: in, Retries: 3})
		if r.OK || r.Attempts != 0 || r.Message != "the URL must start with http:// or https:// and a host" {
			t.Errorf("%q: got %+v", in, r)
		}
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(status(200, ""))
	defer s.Close()
	s.Config.ErrorLog = nil
	r := quick().Send(t.Context(), Request{URL: s.URL, Retries: 3})
	if r.OK || r.Attempts != 1 || !strings.Contains(r.Message, "not trusted") {
		t.Errorf("an unknown authority: got %+v, want one attempt", r)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := &Client{Roots: roots}
	if r := c.Send(t.Context(), Request{URL: s.URL}); !r.OK {
		t.Errorf("a known authority: got %+v", r)
	}
}

func TestProxyOfTheEnvironment(t *testing.T) {
	if r := quick().Send(t.Context(), Request{URL: "http://chat.example/hook"}); !r.OK {
		t.Fatalf("got %+v", r)
	}
	if got := <-forwarded; got != "http://chat.example/hook" {
		t.Errorf("got %q", got)
	}
	local, count := serve(t, status(200, ""))
	for _, host := range []string{"127.0.0.1", "localhost"} {
		r := quick().Send(t.Context(), Request{URL: strings.Replace(local.URL, "127.0.0.1", host, 1)})
		if !r.OK || len(forwarded) != 0 {
			t.Errorf("%s: got %+v, and %d went through the proxy", host, r, len(forwarded))
		}
	}
	if count.Load() != 2 {
		t.Errorf("got %d requests, want 2", count.Load())
	}
}

func TestOwnDial(t *testing.T) {
	s, _ := serve(t, status(200, ""))
	c := &Client{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != "127.0.0.2:80" {
			t.Errorf("got %s", address)
		}
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(s.URL, "http://"))
	}}
	if r := c.Send(t.Context(), Request{URL: "http://127.0.0.2/hook"}); !r.OK {
		t.Errorf("got %+v", r)
	}
}

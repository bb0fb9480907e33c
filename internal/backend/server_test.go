package backend

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func client(t *testing.T) *http.Client {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(b)
}

func TestAnswers(t *testing.T) {
	s := start(t, Options{Name: "b1"})
	c := client(t)
	tests := []struct {
		name   string
		in     Behaviour
		path   string
		status int
		body   string
	}{
		{"zero value", Behaviour{}, "/", 200, "b1\n"},
		{"chosen", Behaviour{Status: 404, Body: []byte("gone")}, "/x", 404, "gone"},
		{"empty body", Behaviour{Body: []byte{}}, "/", 200, ""},
		{"failing", Behaviour{FailShare: 1}, "/", 500, "b1\n"},
		{"failing with", Behaviour{FailShare: 1, FailStatus: 503}, "/", 503, "b1\n"},
		{"health of a failing one", Behaviour{FailShare: 1, Status: 500, Hang: true}, "/health", 200, "ok\n"},
		{"unhealthy", Behaviour{Unhealthy: true}, "/health", 503, "unhealthy\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.Set(tt.in)
			r, body := get(t, c, s.URL()+tt.path)
			if r.StatusCode != tt.status || body != tt.body || r.Header.Get("X-Backend") != "b1" {
				t.Errorf("got %d %q from %q, want %d %q from b1", r.StatusCode, body, r.Header.Get("X-Backend"), tt.status, tt.body)
			}
		})
	}
	if s.Requests() != 5 || s.Failures() != 2 || s.Accepted() != 1 {
		t.Errorf("%d requests, %d failures, %d connections, want 5, 2, 1", s.Requests(), s.Failures(), s.Accepted())
	}
}

func TestFailShare(t *testing.T) {
	b := Behaviour{FailShare: 0.3}
	failed := 0
	for range 10000 {
		if b.status() == 500 {
			failed++
		}
	}
	if failed < 2700 || failed > 3300 { // 6.5 standard deviations
		t.Errorf("%d of 10000 failed, want about 3000", failed)
	}
}

func TestDelay(t *testing.T) {
	s := start(t, Options{Behaviour: Behaviour{Delay: 30 * time.Millisecond, Jitter: time.Millisecond}})
	begin := time.Now()
	get(t, client(t), s.URL())
	if d := time.Since(begin); d < 30*time.Millisecond {
		t.Errorf("answered after %v", d)
	}
}

func TestHangEndsWithTheBehaviour(t *testing.T) {
	s := start(t, Options{Behaviour: Behaviour{Hang: true}})
	c, done := client(t), make(chan int)
	go func() {
		r, err := c.Get(s.URL())
		if err != nil {
			done <- 0
			return
		}
		r.Body.Close()
		done <- r.StatusCode
	}()
	until(t, func() bool { return s.Requests() == 1 })
	s.Set(Behaviour{Status: 201})
	if got := <-done; got != 201 {
		t.Errorf("got %d, want 201", got)
	}
}

func TestCloseEndsWhatHangs(t *testing.T) {
	s := start(t, Options{Behaviour: Behaviour{Hang: true}})
	c, done := client(t), make(chan error)
	go func() {
		_, err := c.Get(s.URL())
		done <- err
	}()
	until(t, func() bool { return s.Requests() == 1 })
	s.Close()
	if err := <-done; err == nil {
		t.Error("a closed server answered")
	}
	if _, err := net.Dial("tcp", s.Addr()); err == nil {
		t.Error("a closed server accepts")
	}
	again := start(t, Options{Address: s.Addr()})
	get(t, c, again.URL())
}

func TestCloseConn(t *testing.T) {
	s := start(t, Options{Behaviour: Behaviour{CloseConn: true}})
	r, err := client(t).Post(s.URL(), "text/plain", strings.NewReader("x"))
	if err == nil {
		t.Errorf("got an answer: %d", r.StatusCode)
	}
	if s.Failures() != 1 {
		t.Errorf("%d failures, want 1", s.Failures())
	}
}

func TestHeaders(t *testing.T) {
	s := start(t, Options{Behaviour: Behaviour{Header: map[string]string{"X-A": "1", "Connection": "close", "Content-Type": "application/json"}}})
	c := client(t)
	for range 2 {
		r, _ := get(t, c, s.URL())
		if r.Header.Get("X-A") != "1" || !r.Close || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("got %v, close %v", r.Header, r.Close)
		}
	}
	if s.Accepted() != 2 {
		t.Errorf("%d connections, want 2", s.Accepted())
	}
}

// A connection must stay in step after bodies, read by the handler or not.
func TestBodies(t *testing.T) {
	const size = 3 << 20
	echo := func(ctx *fasthttp.RequestCtx, body io.Reader) {
		if string(ctx.Path()) == "/ignore" {
			return
		}
		n, err := io.Copy(io.Discard, body)
		fmt.Fprintf(ctx, "%d %v", n, err)
	}
	handlers := map[string]func(*fasthttp.RequestCtx, io.Reader){"none": nil, "echo": echo}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			s := start(t, Options{Name: "b", Handler: h})
			c := client(t)
			for _, path := range []string{"/", "/ignore", "/health"} {
				for _, chunked := range []bool{false, true} {
					var body io.Reader = strings.NewReader(strings.Repeat("GET /x", size/6))
					if chunked {
						body = io.MultiReader(body)
					}
					r, err := c.Post(s.URL()+path, "multipart/form-data; boundary=x", body)
					if err != nil {
						t.Fatal(err)
					}
					got, _ := io.ReadAll(r.Body)
					r.Body.Close()
					if h != nil && path == "/" && string(got) != fmt.Sprint(size/6*6, " <nil>") {
						t.Errorf("handler read %s", got)
					}
				}
			}
			get(t, c, s.URL())
			if s.Requests() != 5 || s.Accepted() != 1 {
				t.Errorf("%d requests over %d connections, want 5 over 1", s.Requests(), s.Accepted())
			}
		})
	}
}

func TestTLS(t *testing.T) {
	lender := httptest.NewTLSServer(nil)
	defer lender.Close()
	s := start(t, Options{Name: "secure", TLS: lender.TLS.Clone()})
	if _, body := get(t, client(t), s.URL()); body != "secure\n" {
		t.Errorf("got %q", body)
	}
}

func TestCloseConnections(t *testing.T) {
	s := start(t, Options{})
	c := client(t)
	get(t, c, s.URL())
	s.CloseConnections()
	until(t, func() bool { return s.Connections() == 0 })
	get(t, c, s.URL())
	if s.Accepted() != 2 {
		t.Errorf("%d connections, want 2", s.Accepted())
	}
}

func TestAddressInUse(t *testing.T) {
	s := start(t, Options{})
	if _, err := Start(Options{Name: "late", Address: s.Addr()}); err == nil || !strings.Contains(err.Error(), "backend late: ") {
		t.Errorf("got %v", err)
	}
}

func TestRaw(t *testing.T) {
	r, err := StartRaw(func(conn net.Conn, br *bufio.Reader) {
		line, _ := br.ReadString('\n')
		fmt.Fprintf(conn, "%s", strings.ToUpper(line))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "hello\n")
	if got, err := io.ReadAll(conn); string(got) != "HELLO\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if r.Accepted() != 1 {
		t.Errorf("%d connections, want 1", r.Accepted())
	}
}

func TestRawCloseEndsServe(t *testing.T) {
	ended, began := make(chan error, 1), make(chan struct{})
	r, err := StartRaw(func(_ net.Conn, br *bufio.Reader) {
		close(began)
		_, err := br.ReadByte()
		ended <- err
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	<-began
	r.Close()
	if err := <-ended; err == nil {
		t.Error("the connection was not closed")
	}
}

func until(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("condition not met in 10s")
		}
	}
}

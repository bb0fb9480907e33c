package smoke

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/config"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// shop logs users in and takes orders, as the backend of the seeds does.
func shop(w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	dec := json.NewDecoder(r.Body)
	dec.UseNumber()
	_ = dec.Decode(&in)
	answer := func(status int, text string) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /api/health":
		answer(200, "ok\n")
	case "GET /api/version":
		answer(200, "v2\n")
	case "GET /api/db-check":
		answer(200, `{"connected": true, "pool": {"size": 8, "free": [1, 2.50, null]}, "took": "3ms"}`)
	case "POST /api/auth/login":
		if in["username"] != "test_user" || in["password"] != "test_pass" || r.Header.Get("Content-Type") != "application/json" {
			answer(401, `{"error": "no"}`)
			return
		}
		answer(200, `{"token": "abc.def/ghi", "user": {"id": 9007199254740993, "roles": ["buyer", "tester"]}}`)
	case "POST /api/orders":
		if r.Header.Get("Authorization") != "Bearer abc.def/ghi" {
			answer(403, `{}`)
			return
		}
		answer(201, fmt.Sprintf(`{"order": {"item": %q, "user": %v, "state": "new"}}`, in["item_id"], string(mustJSON(in["user"]))))
	case "GET /moved":
		http.Redirect(w, r, "https://elsewhere.example/login", http.StatusFound)
	default:
		answer(404, r.URL.RequestURI())
	}
}

func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// run is the messages of one sequence of tests: "ok", or why not.
func run(t *testing.T, target Target, tests ...config.SmokeTest) []string {
	t.Helper()
	var out []string
	for i, r := range Run(t.Context(), tests, target) {
		if r.Name != tests[i].Name || r.Endpoint != target.name() || r.OK != (r.Message == "") {
			t.Errorf("result %d is %+v", i, r)
		}
		if r.OK {
			out = append(out, "ok")
		} else {
			out = append(out, r.Message)
		}
	}
	return out
}

func wantMessages(t *testing.T, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("test %d:\ngot  %s\nwant %s", i, got[i], want[i])
		}
	}
}

func TestSuiteOfTheSeeds(t *testing.T) {
	target := Target{URL: serve(t, shop), Variables: map[string]string{"version": "v2"}}
	wantMessages(t, run(t, target,
		config.SmokeTest{Name: "health", Endpoint: "/api/health"},
		config.SmokeTest{Name: "version", Endpoint: "/api/version", ExpectedResponse: "${version}"},
		config.SmokeTest{Name: "db", Endpoint: "/api/db-check", ExpectedResponse: map[string]any{
			"connected": true, "pool": map[string]any{"size": 8.0, "free": []any{1, 2.5, nil}}, "took": `\d+ms`}},
		config.SmokeTest{Name: "login", Endpoint: "/api/auth/login", Method: "POST",
			Payload:          map[string]any{"username": "test_user", "password": "test_pass"},
			ExpectedResponse: map[string]any{"token": ".*"},
			Capture:          map[string]string{"auth_token": "$.token", "user": "$.user.id", "role": "$.user.roles[1]"}},
		config.SmokeTest{Name: "order", Endpoint: "/api/orders", Method: "POST", Headers: map[string]string{"Authorization": "Bearer ${auth_token}"},
			Payload: map[string]any{"item_id": "item of ${role}", "user": "${user}"}, ExpectedStatus: 201,
			ExpectedResponse: map[string]any{"order": map[string]any{"item": "item of tester", "user": "${user}", "state": "new|open"}}},
	), "ok", "ok", "ok", "ok", "ok")
}

func TestWhatFailsSaysWhatWasGotAndWanted(t *testing.T) {
	target := Target{URL: serve(t, shop)}
	db := func(want any) config.SmokeTest {
		return config.SmokeTest{Name: "db", Endpoint: "/api/db-check", ExpectedResponse: want}
	}
	wantMessages(t, run(t, target,
		config.SmokeTest{Name: "status", Endpoint: "/none"},
		config.SmokeTest{Name: "redirect", Endpoint: "/moved"},
		config.SmokeTest{Name: "text", Endpoint: "/api/version", ExpectedResponse: "v3"},
		config.SmokeTest{Name: "part", Endpoint: "/api/version", ExpectedResponse: "v"},
		config.SmokeTest{Name: "no json", Endpoint: "/api/version", ExpectedResponse: map[string]any{}},
		db(map[string]any{"connected": false}),
		db(map[string]any{"connected": "true"}),
		db(map[string]any{"pool": map[string]any{"size": 9}}),
		db(map[string]any{"pool": map[string]any{"free": []any{1, 2.5}}}),
		db(map[string]any{"pool": map[string]any{"free": []any{1, 2.5, 0}}}),
		db(map[string]any{"pool": map[string]any{"used": nil}}),
		db(map[string]any{"pool": []any{}}),
		db([]any{}),
		db(map[string]any{"took": `\d+`}),
		config.SmokeTest{Name: "capture", Endpoint: "/api/db-check", Capture: map[string]string{"x": "$.pool.free[3]"}},
		config.SmokeTest{Name: "capture from text", Endpoint: "/api/version", Capture: map[string]string{"x": "$.a"}},
	),
		"status: got 404, want 200",
		"status: got 302, want 200 (it redirects to elsewhere.example/login)",
		`answer: got "v2", want "v3"`,
		`answer: got "v2", want "v"`,
		`answer: got "v2\n", want JSON: invalid character 'v' looking for beginning of value`,
		`$.connected: got true, want false`,
		`$.connected: got true, want "true"`,
		`$.pool.size: got 8, want 9`,
		`$.pool.free: got 3 elements, want 2`,
		`$.pool.free[2]: got null, want 0`,
		`$.pool.used: got nothing, want null`,
		`$.pool: got {"free":[1,2.50,null],"size":8}, want []`,
		`$: got {"connected":true,"pool":{"free":[1,2.50,null],"size":8},"took":"3ms"}, want []`,
		`$.took: got "3ms", want "\\d+"`,
		"capture x: $.pool.free has no [3]",
		"capture x: got an answer that is no JSON, want $.a in it: invalid character 'v' looking for beginning of value",
	)
}

func TestLaterTestsSayWhichEarlierOneFailed(t *testing.T) {
	var asked atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); shop(w, r) })
	login := config.SmokeTest{Name: "login", Endpoint: "/api/auth/login", Method: "POST", Capture: map[string]string{"auth_token": "$.token"}}
	order := config.SmokeTest{Name: "order", Endpoint: "/api/orders", Method: "POST", Headers: map[string]string{"Authorization": "Bearer ${auth_token}"}}
	wantMessages(t, run(t, Target{URL: url}, login, order,
		config.SmokeTest{Name: "stray", Endpoint: "/orders/${misspelt}"},
		config.SmokeTest{Name: "label", Endpoint: "/${label_release}"},
		config.SmokeTest{Name: "in payload", Endpoint: "/", Method: "POST", Payload: []any{map[string]any{"a": "${misspelt}"}}},
		config.SmokeTest{Name: "health", Endpoint: "/api/health"}),
		"status: got 401, want 200",
		"header Authorization: ${auth_token} has no value, as test login, which captures it, failed",
		"endpoint: ${misspelt} has no value: no earlier test captures it",
		"endpoint: ${label_release} has no value: the version has no label release",
		"payload: ${misspelt} has no value: no earlier test captures it",
		"ok")
	if n := asked.Load(); n != 2 {
		t.Errorf("%d requests were sent, want those of login and health", n)
	}
	// A capture of a test that failed for another reason is not used either.
	login.Payload = map[string]any{"username": "test_user", "password": "test_pass"}
	login.ExpectedResponse = map[string]any{"user": map[string]any{"id": 1}}
	wantMessages(t, run(t, Target{URL: url}, login, order),
		"$.user.id: got 9007199254740993, want 1",
		"header Authorization: ${auth_token} has no value, as test login, which captures it, failed")
}

func TestSecretsNeverShow(t *testing.T) {
	echo := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Location", "/next?key="+r.Header.Get("Authorization"))
		if r.URL.Path == "/redirect" {
			w.WriteHeader(302)
		}
		fmt.Fprintf(w, `{"token": "s3cret-token", "auth": %q, "sent": %s, "query": %q}`, r.Header.Get("Authorization"), orNull(body), r.URL.RawQuery)
	})
	const hidden = "hunter2-\"quoted\"-key"
	headers := map[string]string{"Authorization": "Bearer " + hidden, "X-Api-Key": "k-e-y-value"}
	payload := map[string]any{"nested": []any{map[string]any{"password": hidden, "client_secret": "c-l-i-e-n-t", "secret": map[string]any{"value": "other"}}}}
	test := func(name, path string, want any, capture map[string]string) config.SmokeTest {
		return config.SmokeTest{Name: name, Endpoint: path, Method: "POST", Headers: headers, Payload: payload, ExpectedResponse: want, Capture: capture}
	}
	results := Run(t.Context(), []config.SmokeTest{
		test("text", "/", "nothing like it", nil),
		test("auth", "/", map[string]any{"auth": "x"}, nil),
		test("sent", "/", map[string]any{"sent": 1}, nil),
		test("by name", "/", map[string]any{"token": "x"}, nil),
		test("login", "/", nil, map[string]string{"session": "$.token"}),
		test("missing", "/", map[string]any{"refresh_token": "w-a-n-t-e-d"}, nil),
		test("below", "/", map[string]any{"sent": map[string]any{"nested": []any{map[string]any{"secret": map[string]any{"value": "w-a-n-t-e-d"}}}}}, nil),
		test("redirect", "/redirect", nil, nil),
		test("captured", "/?q=${session}", map[string]any{"query": "x"}, nil),
		test("wanted", "/", map[string]any{"query": "${session}"}, nil),
		test("label", "/?q=${label_db_password}", map[string]any{"query": "x"}, nil),
		{Name: "no answer", Endpoint: "/${session}", Headers: map[string]string{"X-Bad": "a\nb ${session}"}},
	}, Target{URL: echo, Variables: map[string]string{"label_db_password": "p-a-s-s-word"}})
	for _, r := range results {
		if r.OK != (r.Name == "login") {
			t.Errorf("%s: got %+v", r.Name, r)
		}
		for _, secret := range []string{"hunter2", "quoted", "k-e-y-value", "c-l-i-e-n-t", "s3cret-token", "p-a-s-s-word", "w-a-n-t-e-d"} {
			if strings.Contains(r.Message, secret) {
				t.Errorf("%s shows %s: %s", r.Name, secret, r.Message)
			}
		}
	}
	if got, want := results[1].Message, `$.auth: got "***", want "x"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := results[3].Message, `$.token: got another value (not shown) than the one wanted`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func orNull(body []byte) string {
	if len(body) == 0 {
		return "null"
	}
	return string(body)
}

func TestVariablesAreEscapedWhereTheyStand(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.URL.EscapedPath(), r.URL.RawQuery, body)
	})
	target := Target{URL: url, Variables: map[string]string{"v": `a/../b?c=d&e#f "g`, "dots": "1.2"}}
	wantMessages(t, run(t, target,
		config.SmokeTest{Name: "path", Endpoint: "/x/${v}/y?q=${v}&$$=$1$", Method: "POST", Payload: map[string]any{"v": "<${v}> $$ $"},
			ExpectedResponse: `/x/a%2F..%2Fb%3Fc=d&e%23f%20%22g/y q=a%2F..%2Fb%3Fc%3Dd%26e%23f+%22g&$$=$1$ {"v":"\u003ca/../b?c=d\u0026e#f \"g\u003e $$ $"}`},
		config.SmokeTest{Name: "in an expression a value stands for itself", Endpoint: "/1x2", ExpectedResponse: `/${dots}\s*`},
		config.SmokeTest{Name: "and the rest is an expression", Endpoint: "/1.2", ExpectedResponse: `.${dots}\s*`},
		config.SmokeTest{Name: "what is no expression can be equal", Endpoint: "/a(b", ExpectedResponse: `/a(b  `},
	), "ok", `answer: got "/1x2  ", want "/1.2\\s*"`, "ok", "ok")
}

func TestHostAndHeaders(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s %s", r.Host, r.Header.Get("X-One"), r.Header.Get("User-Agent"), r.Header.Get("Content-Type"))
	})
	address := strings.TrimPrefix(url, "http://")
	wantMessages(t, run(t, Target{URL: "http://shop.internal:81", Address: address, Variables: map[string]string{"endpoint": "e1"}},
		config.SmokeTest{Name: "of the URL", Endpoint: "/", Headers: map[string]string{"X-One": "at ${endpoint}"}, ExpectedResponse: "shop.internal:81 at e1 sluice-smoke "},
		config.SmokeTest{Name: "own", Endpoint: "/", Headers: map[string]string{"Host": "shop.example.com"}, ExpectedResponse: "shop.example.com  sluice-smoke "},
		config.SmokeTest{Name: "form", Endpoint: "/", Method: "POST", Payload: "a=b", Headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
			ExpectedResponse: "shop.internal:81  sluice-smoke application/x-www-form-urlencoded"},
		config.SmokeTest{Name: "json", Endpoint: "/", Method: "POST", Payload: "a=b", ExpectedResponse: "shop.internal:81  sluice-smoke application/json"},
	), "ok", "ok", "ok", "ok")
	wantMessages(t, run(t, Target{URL: url, Host: "given.example"},
		config.SmokeTest{Name: "given", Endpoint: "/", ExpectedResponse: "given.example  sluice-smoke "}), "ok")
}

func TestServersThatHangOrBreakOff(t *testing.T) {
	release := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang":
			<-release
		case "/trickle":
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			<-release
		case "/short":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
		case "/long":
			_, _ = io.Copy(w, io.LimitReader(zeros{}, maxBody+1))
		}
	})
	defer close(release)
	const brief = 50 * time.Millisecond
	began := time.Now()
	got := run(t, Target{URL: url},
		config.SmokeTest{Name: "hang", Endpoint: "/hang", Timeout: brief},
		config.SmokeTest{Name: "trickle", Endpoint: "/trickle", Timeout: brief},
		config.SmokeTest{Name: "short", Endpoint: "/short"},
		config.SmokeTest{Name: "long", Endpoint: "/long", ExpectedResponse: ".*"},
		config.SmokeTest{Name: "long is fine", Endpoint: "/long"})
	wantMessages(t, got, "no whole answer within 50ms", "answer: no whole answer within 50ms", "answer: unexpected EOF", "answer: longer than 1048576 bytes", "ok")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func TestEndOfTheContextEndsTheRun(t *testing.T) {
	entered := make(chan struct{})
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	results := Run(ctx, []config.SmokeTest{{Name: "hang", Endpoint: "/", Timeout: time.Hour}, {Name: "next", Endpoint: "/"}}, Target{URL: url})
	if results[0].Message != "context canceled" || results[1].Message != "not run: context canceled" {
		t.Errorf("got %+v", results)
	}
}

func TestUnreachable(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	got := run(t, Target{URL: s.URL}, config.SmokeTest{Name: "x", Endpoint: "/?password=hunter2"})
	if !strings.Contains(got[0], "connection refused") || strings.Contains(got[0], "hunter2") {
		t.Errorf("got %s", got)
	}
}

func TestTLSIsVerified(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(shop))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	health := config.SmokeTest{Name: "health", Endpoint: "/api/health"}
	wantMessages(t, run(t, Target{URL: s.URL, TLS: &tls.Config{RootCAs: roots}}, health), "ok")
	if got := run(t, Target{URL: s.URL}, health); !strings.Contains(got[0], "certificate") {
		t.Errorf("unknown authority: got %s", got)
	}
	if got := run(t, Target{URL: s.URL, TLS: &tls.Config{RootCAs: roots, ServerName: "other.example"}}, health); !strings.Contains(got[0], "other.example") {
		t.Errorf("wrong name: got %s", got)
	}
}

func TestAllEndpointsFiveAtATime(t *testing.T) {
	var now, most atomic.Int32
	full := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		if n == atOnce {
			close(full)
		}
		<-full // the first five wait for each other
		_, _ = io.WriteString(w, r.Host)
	})
	var targets []Target
	for i := range atOnce {
		targets = append(targets, Target{URL: url, Host: fmt.Sprint("e", i), Variables: map[string]string{"endpoint": fmt.Sprint("e", i)}})
	}
	tests := []config.SmokeTest{{Name: "one", Endpoint: "/", ExpectedResponse: "${endpoint}"}}
	for i, r := range RunAll(t.Context(), tests, targets) {
		if !r.OK {
			t.Errorf("endpoint %d: %s", i, r.Message)
		}
	}
	if got := most.Load(); got != atOnce {
		t.Errorf("%d at the same time, want %d", got, atOnce)
	}
	// With twice as many there are never more.
	most.Store(0)
	results := RunAll(t.Context(), append(tests, config.SmokeTest{Name: "two", Endpoint: "/", ExpectedResponse: "no"}), append(targets, targets...))
	if got := most.Load(); got > atOnce {
		t.Errorf("%d at the same time, want %d at most", got, atOnce)
	}
	if len(results) != 4*atOnce || results[0].Name != "one" || results[1].Name != "two" || results[1].OK || !results[2].OK {
		t.Errorf("got %d results: %+v", len(results), results[:3])
	}
}

package promql

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// hostile answers every query with what it was made to answer.
func hostile(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

func ask(t *testing.T, s Source, timeout time.Duration) (float64, error) {
	t.Helper()
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return c.Query(ctx, "up")
}

func vectorOf(values ...string) string {
	var series []string
	for i, v := range values {
		series = append(series, fmt.Sprintf(`{"metric":{"i":"%d"},"value":[1700000000.1,%q]}`, i, v))
	}
	return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(series, ",") + `]}}`
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		value  float64
		err    string // "": none
	}{
		{"one series", 200, vectorOf("0.25"), 0.25, ""},
		{"a scalar", 200, `{"status":"success","data":{"resultType":"scalar","result":[1700000000,"-3e2"]}}`, -300, ""},
		{"zero", 200, vectorOf("0"), 0, ""},
		{"infos are harmless", 200, strings.Replace(vectorOf("1"), `"data"`, `"infos":["metric might not be a counter"],"data"`, 1), 1, ""},
		{"no data", 200, vectorOf(), 0, "no data"},
		{"no result at all", 200, `{"status":"success","data":{"resultType":"vector","result":null}}`, 0, "no data"},
		{"several series", 200, vectorOf("1", "2", "3"), 0, "3 series, want one"},
		{"not a number", 200, vectorOf("NaN"), 0, "the value is NaN"},
		{"infinite", 200, vectorOf("+Inf"), 0, "the value is +Inf"},
		{"too large", 200, vectorOf("1e999"), 0, "no number"},
		{"words", 200, vectorOf("many"), 0, "no number"},
		{"a number that is no string", 200, `{"status":"success","data":{"resultType":"scalar","result":[1,2]}}`, 0, "can't be read"},
		{"a native histogram", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"1"}]}]}}`, 0, "can't be read"},
		{"a matrix", 200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`, 0, "the result is a matrix"},
		{"warnings", 200, strings.Replace(vectorOf("1"), `"data"`, `"warnings":["store\nis away"],"data"`, 1), 0, "warning: store is away"},
		{"a bad query", 400, `{"status":"error","errorType":"bad_data","error":"parse error\n\tat char 3"}`, 0, "answered 400: parse error at char 3"},
		{"a login page", 200, "<html>login</html>", 0, "none of its API's"},
		{"an empty object", 200, "{}", 0, "none of its API's"},
		{"no body", 200, "", 0, "none of its API's"},
		{"refused", 401, "no", 0, "answered 401"},
		{"a redirect", 302, "", 0, "answered 302"},
		{"a success that is none", 500, vectorOf("1"), 0, "answered 500"},
		{"too much", 200, strings.Repeat(" ", maxBody+1), 0, "larger than"},
		{"a long complaint", 422, `{"status":"error","error":"` + strings.Repeat("x", 5000) + `"}`, 0, "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := ask(t, Source{URL: hostile(t, c.status, c.body).URL}, patience)
			switch {
			case c.err == "" && (err != nil || v != c.value):
				t.Errorf("got %v, %v, want %v", v, err, c.value)
			case c.err != "" && (err == nil || v != 0 || !strings.Contains(err.Error(), c.err)):
				t.Errorf("got %v, %v, want an error with %q", v, err, c.err)
			case err != nil && (len(err.Error()) > 300 || strings.ContainsAny(err.Error(), "\n\t")):
				t.Errorf("the error does not fit on a line: %v", err)
			}
		})
	}
}

func TestSlowAndBroken(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	if _, err := ask(t, Source{URL: slow.URL}, 20*time.Millisecond); err == nil || err.Error() != "prometheus: no answer in time" {
		t.Errorf("slow: got %v", err)
	}
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	if _, err := ask(t, Source{URL: endless.URL}, patience); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("endless: got %v", err)
	}
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }))
	defer cut.Close()
	if _, err := ask(t, Source{URL: cut.URL}, patience); err == nil {
		t.Error("cut: got no error")
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if _, err := ask(t, Source{URL: gone.URL}, patience); err == nil || strings.Contains(err.Error(), gone.URL) {
		t.Errorf("gone: got %v, want an error without the address", err)
	}
}

func TestWhatIsSent(t *testing.T) {
	type sent struct{ path, query, timeout, token string }
	got := make(chan sent, 1)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- sent{r.URL.Path, r.FormValue("query"), r.FormValue("timeout"), r.Header.Get("Authorization")}
		_, _ = io.WriteString(w, vectorOf("1"))
	}))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := ask(t, Source{URL: s.URL + "/base/", Token: "secret-token", CA: ca}, patience); v != 1 || err != nil {
		t.Fatalf("got %v, %v", v, err)
	}
	if g := <-got; g.path != "/base/api/v1/query" || g.query != "up" || g.token != "Bearer secret-token" || !strings.HasSuffix(g.timeout, "s") {
		t.Errorf("got %+v", g)
	}
	if _, err := ask(t, Source{URL: s.URL, Token: "secret-token"}, patience); err == nil || strings.Contains(err.Error(), "secret-token") {
		t.Errorf("an unknown authority: got %v, want an error without the token", err)
	}
}

func TestBadSources(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []Source{{}, {URL: "ftp://x"}, {URL: "http://"}, {URL: "https://x", CA: "/does/not/exist"}, {URL: "https://x", CA: empty}, {URL: "https://x", Cert: empty}} {
		if _, err := New(s); err == nil {
			t.Errorf("%+v: got no error", s)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(vectorOf("0.25")))
	f.Add([]byte(`{"status":"error","error":"x"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := read(200, body)
		if err != nil && v != 0 || v != v || v-v != 0 {
			t.Errorf("got %v with %v", v, err)
		}
	})
}

package e2e

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// call is one request to go-httpbin.
type call struct {
	method, path, body string
	header             map[string]string
}

// calls name every endpoint of go-httpbin at least once (its index page lists
// them; websocket/echo has tests of its own).
var calls = []call{
	{"GET", "/", "", nil},
	{"GET", "/absolute-redirect/2", "", nil},
	{"POST", "/anything", `{"a":1}`, map[string]string{"Content-Type": "application/json"}},
	{"PUT", "/anything/deep/path?x=1&y=%20z", "plain", nil},
	{"GET", "/base64/aGVsbG8gd29ybGQ=", "", nil},
	{"GET", "/base64/encode/hello", "", nil},
	{"GET", "/base64/decode/aGVsbG8=", "", nil},
	{"GET", "/basic-auth/u/p", "", map[string]string{"Authorization": "Basic dTpw"}},
	{"GET", "/basic-auth/u/p", "", nil},
	{"GET", "/bearer", "", map[string]string{"Authorization": "Bearer x"}},
	{"GET", "/bytes/1024?seed=1", "", nil},
	{"GET", "/cache", "", nil},
	{"GET", "/cache", "", map[string]string{"If-None-Match": "x"}},
	{"GET", "/cache/60", "", nil},
	{"GET", "/cookies", "", map[string]string{"Cookie": "a=1; b=2"}},
	{"GET", "/cookies/set?a=1&b=2", "", nil},
	{"GET", "/cookies/delete?a", "", map[string]string{"Cookie": "a=1"}},
	{"GET", "/deflate", "", nil},
	{"DELETE", "/delete?a=1", "", nil},
	{"GET", "/delay/0", "", nil},
	{"GET", "/deny", "", nil},
	{"GET", "/digest-auth/auth/u/p", "", nil},
	{"GET", "/drip?numbytes=64&duration=0.1&delay=0", "", nil},
	{"GET", "/dump/request", "", nil},
	{"GET", "/encoding/utf8", "", nil},
	{"GET", "/env", "", nil},
	{"GET", "/etag/abc", "", nil},
	{"GET", "/etag/abc", "", map[string]string{"If-None-Match": `"abc"`}},
	{"GET", "/forms/post", "", nil},
	{"GET", "/get?a=1&a=2", "", nil},
	{"GET", "/gzip", "", nil},
	{"HEAD", "/head", "", nil},
	{"GET", "/headers", "", map[string]string{"X-Some": "value"}},
	{"GET", "/hidden-basic-auth/u/p", "", nil},
	{"GET", "/hostname", "", nil},
	{"GET", "/html", "", nil},
	{"GET", "/image", "", map[string]string{"Accept": "image/png"}},
	{"GET", "/image/png", "", nil},
	{"GET", "/image/jpeg", "", nil},
	{"GET", "/image/svg", "", nil},
	{"GET", "/image/webp", "", nil},
	{"GET", "/ip", "", nil},
	{"GET", "/json", "", nil},
	{"GET", "/jsonl", "", nil},
	{"GET", "/brotli", "", nil},
	{"GET", "/digest-auth/auth/u/p/SHA-256", "", nil},
	{"PUT", "/upload", "content", map[string]string{"Content-Type": "text/plain"}},
	{"GET", "/links/3", "", nil},
	{"GET", "/links/3/1", "", nil},
	{"PATCH", "/patch", "patched", nil},
	{"POST", "/post", "a=1&b=2", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
	{"POST", "/post", "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"t.txt\"\r\n\r\nfile\r\n--b--\r\n",
		map[string]string{"Content-Type": "multipart/form-data; boundary=b"}},
	{"PUT", "/put", "put", nil},
	{"GET", "/problem", "", nil},
	{"GET", "/range/256", "", map[string]string{"Range": "bytes=10-19"}},
	{"GET", "/redirect-to?url=%2Fget", "", nil},
	{"GET", "/redirect/2", "", nil},
	{"GET", "/relative-redirect/2", "", nil},
	{"POST", "/response-headers?X-One=1&X-One=2&Content-Type=text%2Fplain", "", nil},
	{"GET", "/robots.txt", "", nil},
	{"GET", "/sse?count=3&duration=100ms&delay=0", "", nil},
	{"GET", "/status/100", "", nil},
	{"GET", "/status/204", "", nil},
	{"GET", "/status/304", "", nil},
	{"GET", "/status/418", "", nil},
	{"GET", "/status/404", "", nil},
	{"GET", "/stream-bytes/4096?seed=7", "", nil},
	{"GET", "/stream/3", "", nil},
	{"GET", "/trailers?trailer1=v1", "", nil},
	{"GET", "/unstable?failure_rate=0", "", nil},
	{"POST", "/upload", "content", map[string]string{"Content-Type": "text/plain"}},
	{"GET", "/user-agent", "", map[string]string{"User-Agent": "sluice-test"}},
	{"GET", "/uuid", "", nil},
	{"GET", "/version", "", nil},
	{"GET", "/xml", "", nil},
	{"OPTIONS", "/get", "", nil},
	{"GET", "/no/such/page", "", nil},
}

// added are the fields that the proxy adds to requests. go-httpbin shows the
// request's fields in many answers; these are taken out before comparing.
var added = []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Request-Id", "Via"}

// masked is what else may differ between an answer through sluice and a direct
// one, and why. Everything else must be equal.
var masked = []struct {
	why     string
	pattern *regexp.Regexp
}{
	{"added fields, in a dump of the request", regexp.MustCompile(`(?m)^(X-Forwarded-[A-Za-z]+|X-Request-Id|Via): .*\r\n`)},
	{"random identifiers", regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)},
	{"the time of an event", regexp.MustCompile(`"timestamp": ?\d+`)},
	{"how long the origin took", regexp.MustCompile(`total_duration;dur=[0-9.]+`)},
	{"the nonce of a digest challenge is random", regexp.MustCompile(`(nonce|opaque)="?[0-9a-f]+"?`)},
}

// maskedHeaders of answers: added by the proxy, about the connection, or the time of day.
var maskedHeaders = []string{"Date", "Via", "Connection", "Last-Modified"}

func TestHTTPBinAnswersAsItDoesDirectly(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	p := boot(t, twoVersions(v1.URL, v2.URL, 100, 0, ""))
	c := client(t, 1)
	for _, tt := range calls {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			direct := answer(t, c, v1.URL, p.listen, tt)
			through := answer(t, c, "http://"+p.listen, p.listen, tt)
			if direct != through {
				t.Errorf("direct:\n%s\nthrough sluice:\n%s", direct, through)
			}
		})
	}
}

// answer makes one call and renders the answer with the masks applied.
func answer(t *testing.T, c *http.Client, base, host string, tt call) string {
	t.Helper()
	req, err := http.NewRequest(tt.method, base+tt.path, strings.NewReader(tt.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	for name, value := range tt.header {
		req.Header.Set(name, value)
	}
	resp, body, err := fetch(c, req)
	if err != nil {
		t.Fatalf("%s%s: %v", base, tt.path, err)
	}
	text, shows := render(t, resp, body)
	if shows {
		// The length of an answer that shows the request's fields changes with them.
		resp.Header.Del("Content-Length")
		resp.ContentLength = -1
	}
	var b strings.Builder
	fmt.Fprintf(&b, "status %d length %d\n", resp.StatusCode, resp.ContentLength)
	writeHeaders(&b, "header", resp.Header)
	writeHeaders(&b, "trailer", resp.Trailer)
	b.WriteString(text)
	out := b.String()
	for _, m := range masked {
		out = m.pattern.ReplaceAllString(out, "")
	}
	return out
}

// render decodes a body and takes out the fields that the proxy adds. shows
// tells that the body speaks of the request's fields or of the client's address.
func render(t *testing.T, resp *http.Response, body []byte) (text string, shows bool) {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch {
	case len(body) == 0:
	case resp.Header.Get("Content-Encoding") == "gzip":
		r, err = gzip.NewReader(r)
	case resp.Header.Get("Content-Encoding") == "deflate":
		r, err = zlib.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	if body, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	shows = bytes.Contains(body, []byte(`"headers"`)) || bytes.Contains(body, []byte("User-Agent: ")) || bytes.Contains(body, []byte(`"origin"`))
	dec := json.NewDecoder(bytes.NewReader(body))
	var values strings.Builder
	for {
		var value map[string]any
		if err := dec.Decode(&value); err == io.EOF {
			return values.String(), shows
		} else if err != nil {
			return string(body), shows // no JSON, or not JSON alone
		}
		if fields, ok := value["headers"].(map[string]any); ok {
			for _, name := range added {
				delete(fields, name)
			}
		}
		if _, ok := value["origin"]; ok {
			value["origin"] = "the client" // its port, when there is no X-Forwarded-For
		}
		out, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		values.Write(append(out, '\n'))
	}
}

func writeHeaders(b *strings.Builder, kind string, h http.Header) {
	var lines []string
	for name, values := range h {
		if slices.Contains(maskedHeaders, name) {
			continue
		}
		for _, v := range values {
			lines = append(lines, fmt.Sprintf("%s %s: %s\n", kind, name, v))
		}
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
}

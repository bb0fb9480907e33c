package admin

import (
	"net/http"
	"strings"
	"testing"
)

func TestLongAnswersAreCompressed(t *testing.T) {
	p := start(t, nil)
	plain := p.do("GET", "/openapi.json", "", "Accept-Encoding: identity")
	packed := p.do("GET", "/openapi.json", "", "Accept-Encoding: gzip")
	if plain.header.Get("Content-Encoding") != "" || packed.header.Get("Content-Encoding") != "gzip" || unpacked(t, packed.body) != plain.body {
		t.Errorf("%v and %v", plain.header, packed.header)
	}
	if len(packed.body)*4 > len(plain.body) {
		t.Errorf("%d B of %d", len(packed.body), len(plain.body))
	}
	for _, r := range []reply{plain, packed} {
		if r.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Vary is %q", r.header.Get("Vary"))
		}
	}
	if r := p.do("HEAD", "/openapi.json", "", "Accept-Encoding: gzip"); r.status != 200 || r.body != "" {
		t.Errorf("HEAD: %d, %d B", r.status, len(r.body))
	}
	if r := p.do("GET", "/api/v1/services/nix", "", "Accept-Encoding: gzip"); r.header.Get("Content-Encoding") != "" || !strings.Contains(r.body, "unknown service") {
		t.Errorf("a short one: %v", r.header)
	}
}

// Whatever stands before it, the last word on gzip holds, and nobody gets it unasked.
func FuzzAcceptsGzip(f *testing.F) {
	for _, seed := range []string{"", "gzip, br;q=0.5", "*;q=0", "gzip;q=1e9", ";;q=,,", "x-gzip ; Q=0.001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		accepts := func(text string) bool { return acceptsGzip(http.Header{"Accept-Encoding": {text}}) }
		if accepts(in) && !strings.Contains(strings.ToLower(in), "gzip") && !strings.Contains(in, "*") {
			t.Errorf("%q: accepted", in)
		}
		if !accepts(in + ",gzip") {
			t.Errorf("%q and then gzip: refused", in)
		}
		if accepts(in + ",gzip;q=0") {
			t.Errorf("%q and then gzip;q=0: accepted", in)
		}
	})
}

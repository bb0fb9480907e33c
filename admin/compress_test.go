package admin

import (
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

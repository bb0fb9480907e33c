package admin

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var referenced = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

func unpacked(t *testing.T, body string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// All that the page names is there, and lies beside it: so it works under any path.
func TestPageIsWhole(t *testing.T) {
	p := start(t, withTokens)
	index := p.do("GET", "/", "")
	if index.status != 200 || index.header.Get("Content-Type") != "text/html; charset=utf-8" || index.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %v", index.status, index.header)
	}
	names := referenced.FindAllStringSubmatch(index.body, -1)
	if len(names) < 3 {
		t.Errorf("the page names %d files: %s", len(names), index.body)
	}
	for _, m := range names {
		if !strings.HasPrefix(m[1], "./") {
			t.Errorf("%s is not relative", m[1])
			continue
		}
		r := p.do("GET", strings.TrimPrefix(m[1], "."), "")
		if r.status != 200 || r.body == "" || strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: got %d %s", m[1], r.status, r.header.Get("Content-Type"))
		}
	}
	for _, inline := range []string{"<style", " style=", " onclick=", "<base"} {
		if strings.Contains(index.body, inline) {
			t.Errorf("the policy forbids %s", inline)
		}
	}
	for _, path := range []string{"/index.html", "/assets/", "/assets/none.js", "/sources.sha256", "/services/shop"} {
		if r := p.do("GET", path, ""); r.status != 404 || r.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %d %s", path, r.status, r.header.Get("Content-Type"))
		}
	}
	if r := p.do("GET", "/", "", "Host: evil.example"); r.status != 403 {
		t.Errorf("by a foreign name: got %d", r.status)
	}
}

// sample is a page that a test knows.
func sample(t *testing.T) *plant {
	t.Helper()
	p := start(t, withTokens)
	var err error
	p.server.page, err = pageFiles(fstest.MapFS{
		"index.html":      {Data: []byte("<!doctype html><title>page</title>" + strings.Repeat(" ", 1000))},
		"assets/a-1.js":   {Data: bytes.Repeat([]byte("let a = 1;\n"), 200)},
		"assets/b-1.css":  {Data: []byte("a{}")}, // compressed it is larger
		"icon.svg":        {Data: []byte("<svg/>")},
		"notes.txt":       {Data: []byte("not part of a page")},
		".hidden":         {Data: []byte("nor this")},
		"odd {name}.html": {Data: []byte("nor this")},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.server.handler = p.server.mux()
	return p
}

func TestPageHeaders(t *testing.T) {
	p := sample(t)
	for _, path := range []string{"/", "/assets/a-1.js", "/assets/b-1.css", "/icon.svg"} {
		h := p.do("GET", path, "").header
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
				"font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Permissions-Policy": unwantedFeatures,
			"Cross-Origin-Resource-Policy": "same-origin", "Vary": "Accept-Encoding",
			"Cache-Control": map[bool]string{true: "public, max-age=31536000, immutable", false: "no-store"}[strings.HasPrefix(path, "/assets/")],
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
	}
	for _, path := range []string{"/notes.txt", "/.hidden", "/odd%20%7Bname%7D.html"} {
		if r := p.do("GET", path, ""); r.status != 404 {
			t.Errorf("%s: got %d", path, r.status)
		}
	}
	if r := p.do("DELETE", "/assets/a-1.js", ""); r.status != 405 || r.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("DELETE: got %d, Allow %q", r.status, r.header.Get("Allow"))
	}
}

func TestPageEncodingsAndTags(t *testing.T) {
	p := sample(t)
	plain := p.do("GET", "/assets/a-1.js", "", "Accept-Encoding: identity")
	packed := p.do("GET", "/assets/a-1.js", "", "Accept-Encoding: br, gzip;q=0.5")
	if plain.header.Get("Content-Encoding") != "" || packed.header.Get("Content-Encoding") != "gzip" || len(packed.body) >= len(plain.body) {
		t.Errorf("%d B plain, %d B packed, %v", len(plain.body), len(packed.body), packed.header)
	}
	if unpacked(t, packed.body) != plain.body {
		t.Error("unpacked it is something else")
	}
	if plain.header.Get("ETag") == packed.header.Get("ETag") || plain.header.Get("ETag") == "" {
		t.Errorf("tags %q and %q", plain.header.Get("ETag"), packed.header.Get("ETag"))
	}
	head := p.do("HEAD", "/assets/a-1.js", "", "Accept-Encoding: gzip")
	if head.status != 200 || head.body != "" || head.header.Get("Etag") != packed.header.Get("Etag") {
		t.Errorf("HEAD: %d %q %v", head.status, head.body, head.header)
	}
	if r := p.do("GET", "/assets/b-1.css", "", "Accept-Encoding: gzip"); r.header.Get("Content-Encoding") != "" || r.body != "a{}" {
		t.Errorf("packed although it grows: %v", r.header)
	}
	for _, tt := range []struct {
		match string
		want  int
	}{
		{plain.header.Get("ETag"), 304}, {"W/" + plain.header.Get("ETag"), 304}, {`"x", ` + plain.header.Get("ETag"), 304}, {"*", 304},
		{`"x"`, 200}, {packed.header.Get("ETag"), 200}, {"", 200},
	} {
		r := p.do("GET", "/assets/a-1.js", "", "Accept-Encoding: identity", "If-None-Match: "+tt.match)
		if r.status != tt.want || tt.want == 304 && (r.body != "" || r.header.Get("ETag") == "") {
			t.Errorf("If-None-Match %s: got %d %v", tt.match, r.status, r.header)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for in, want := range map[string]bool{
		"gzip": true, "GZip": true, "deflate, gzip;q=1.0, *;q=0.5": true, "br;q=1, gzip; q=0.2": true, "*": true, "x-gzip": true,
		"": false, "identity": false, "gzip;q=0": false, "gzip; Q=0.0": false, "*;q=0": false, "gzip;q=0, *": false, "br": false, "gzip;q=x": false,
	} {
		if got := acceptsGzip(http.Header{"Accept-Encoding": {in}}); got != want {
			t.Errorf("%q: got %v, want %v", in, got, want)
		}
	}
	if !acceptsGzip(http.Header{"Accept-Encoding": {"br", "gzip"}}) {
		t.Error("on a second line: got false")
	}
}

// A binary built without the page says at / how to get it.
func TestNoPage(t *testing.T) {
	p := start(t, withTokens)
	var err error
	if p.server.page, err = pageFiles(fstest.MapFS{".gitkeep": {}, "README": {Data: []byte("placeholder")}}); err != nil {
		t.Fatal(err)
	}
	p.server.handler = p.server.mux()
	r := p.do("GET", "/", "")
	if r.status != 200 || !strings.Contains(r.body, "make build") || !strings.Contains(r.body, "sluice status --watch") {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

// below is the server behind a proxy that gives it a path of its own.
func below(t *testing.T, p *plant, prefix string) string {
	t.Helper()
	target, err := url.Parse(p.base)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	return serve(t, http.StripPrefix(prefix, forward).ServeHTTP) + prefix
}

package admin

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// built is the dashboard as Vite made it from admin/ui/src.
//
//go:embed all:ui/dist
var built embed.FS

// pagePolicy lets the page load itself and talk to this server, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// unwantedFeatures are the browser's that the page has no use for.
const unwantedFeatures = "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()"

// mediaTypes are the kinds of files that a page is made of; others are not served.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp", ".woff2": "font/woff2",
}

// noPage stands at / in a binary that was built without the dashboard.
const noPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>sluice</title>
<h1>sluice</h1>
<p>This binary was built without the dashboard. Releases and the Docker image have it; from the sources,
<code>make build</code> builds it where Node 20 or newer is installed.</p>
<p>The same facts: <code>sluice status --watch</code> in a terminal, <a href="api/v1/services">api/v1/services</a> as JSON,
and <a href="openapi.json">openapi.json</a>, the description of the API.</p>
</html>
`

// pageFile is one file of the dashboard. Safe for concurrent use.
type pageFile struct {
	data      []byte
	mediaType string
	hashed    bool   // its name changes with its content
	tag       string // of the content, without quotes
	packed    func() []byte
}

func newPageFile(name string, data []byte) *pageFile {
	sum := sha256.Sum256(data)
	f := &pageFile{
		data: data, mediaType: mediaTypes[path.Ext(name)], hashed: strings.HasPrefix(name, "assets/"),
		tag: hex.EncodeToString(sum[:12]),
	}
	f.packed = sync.OnceValue(func() []byte { return compressed(data) }) // when somebody looks: most processes are never looked at
	return f
}

// compressed is nil where it would save nothing.
func compressed(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level exists
	_, _ = w.Write(data)                                  // a buffer takes everything
	_ = w.Close()
	if b.Len() >= len(data) {
		return nil
	}
	return b.Bytes()
}

// builtPage is the dashboard that this binary has.
func builtPage() (map[string]*pageFile, error) {
	dist, err := fs.Sub(built, "ui/dist")
	if err != nil {
		return nil, err
	}
	return pageFiles(dist)
}

// pageFiles are the files of a built page by name; index.html always is among them.
func pageFiles(dist fs.FS) (map[string]*pageFile, error) {
	files := map[string]*pageFile{"index.html": newPageFile("index.html", []byte(noPage))}
	err := fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || mediaTypes[path.Ext(name)] == "" || strings.ContainsAny(name, "{} ") {
			return err
		}
		data, err := fs.ReadFile(dist, name)
		if err == nil {
			files[name] = newPageFile(name, data)
		}
		return err
	})
	return files, err
}

// pageRoutes serve the dashboard. It holds no facts, so it needs no role: the API does.
func (s *Server) pageRoutes() []route {
	var all []route
	for name, file := range s.page {
		at := "/" + name
		if name == "index.html" {
			at = "/{$}"
		}
		all = append(all, route{method: http.MethodGet, path: at, serve: file.serve})
	}
	return all
}

// serve answers with the file, compressed for whoever takes that.
func (f *pageFile) serve(c *call) error {
	h := c.w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Permissions-Policy", unwantedFeatures)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Vary", "Accept-Encoding")
	if f.hashed {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	data, tag := f.data, `"`+f.tag+`"`
	if packed := f.packed(); packed != nil && acceptsGzip(c.r.Header) {
		data, tag = packed, `"`+f.tag+`-gzip"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", tag)
	if matches(c.r.Header, tag) {
		h.Del("Content-Encoding")
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", f.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(data) // a client that left needs no answer
	}
	return nil
}

// matches reports whether the client has the content of tag already (RFC 9110, 13.1.2).
func matches(h http.Header, tag string) bool {
	for item := range strings.SplitSeq(strings.Join(h["If-None-Match"], ","), ",") {
		if item = strings.TrimSpace(item); item == "*" || strings.TrimPrefix(item, "W/") == tag {
			return true
		}
	}
	return false
}

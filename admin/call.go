package admin

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
)

// call is one request with what the server found out about it. It belongs to
// one goroutine.
type call struct {
	w     *answer
	r     *http.Request
	id    string // request id, well-formed
	who   identity
	log   *slog.Logger
	audit change
}

// answer remembers the status, for the audit.
type answer struct {
	http.ResponseWriter
	status int // 0 before the head is written
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (s *Server) newCall(w http.ResponseWriter, r *http.Request) *call {
	id := requestID(r.Header.Get("X-Request-Id"))
	h := w.Header()
	h.Set("X-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	log := s.o.Logger.With("request_id", id, "method", printable(r.Method), "path", shownPath(r))
	return &call{w: &answer{ResponseWriter: w}, r: r, id: id, log: log}
}

// requestID keeps a well-formed id of the client, else makes one.
func requestID(got string) string {
	if len(got) > 0 && len(got) <= 128 {
		ok := true
		for _, b := range []byte(got) {
			ok = ok && (b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '.' || b == '_' || b == '-')
		}
		if ok {
			return got
		}
	}
	var random [16]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return hex.EncodeToString(random[:])
}

// shownPath is the path as logs and answers may hold it: a signed link is a right,
// and whoever reads the log shall not have it.
func shownPath(r *http.Request) string {
	if strings.HasPrefix(r.URL.Path, linksPath) {
		return linksPath + "***"
	}
	return printable(r.URL.Path)
}

// printable quotes what could disturb a log or a sentence, and cuts it short.
func printable(text string) string {
	if len(text) > 128 {
		text = text[:128] + "…"
	}
	if quoted := strconv.QuoteToGraphic(text); quoted != `"`+text+`"` || text == "" {
		return quoted
	}
	return text
}

// recovered turns a panic of a handler into a 500, so that a fault in the API
// is told with its request id instead of a lost connection.
func (c *call) recovered() {
	switch cause := recover(); cause {
	case nil:
	case http.ErrAbortHandler:
		panic(cause)
	default:
		c.log.Error("admin handler panicked", "panic", cause, "stack", string(debug.Stack()))
		c.refuse(kindInternal.problem("the log says more under this request's id"))
	}
}

package e2e

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
)

// origin is a foreign server (go-httpbin) that counts what reaches it and can
// be told to fail or to hang.
type origin struct {
	*httptest.Server
	hits    atomic.Uint64
	trouble atomic.Pointer[http.HandlerFunc]
	pieces  chan struct{} // what GET /long waits for between two pieces
}

func startOrigin(t testing.TB) *origin {
	t.Helper()
	o := &origin{pieces: make(chan struct{})}
	bin := httpbin.New()
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.hits.Add(1)
		if r.URL.Path == "/long" {
			o.long(w)
			return
		}
		if f := o.trouble.Load(); f != nil {
			(*f)(w, r)
			return
		}
		bin.ServeHTTP(w, r)
	}))
	t.Cleanup(o.Close)
	return o
}

// long sends a piece each time that one is asked for, until pieces is closed.
func (o *origin) long(w http.ResponseWriter) {
	flusher := http.NewResponseController(w)
	for {
		if err := flusher.Flush(); err != nil {
			return
		}
		if _, more := <-o.pieces; !more {
			return
		}
		if _, err := w.Write([]byte("piece\n")); err != nil {
			return
		}
	}
}

// fails makes every n-th answer of the origin a 500; 1: all.
func (o *origin) fails(n uint64) {
	var count atomic.Uint64
	o.does(func(w http.ResponseWriter, _ *http.Request) {
		if count.Add(1)%n == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
}

// hangs makes the origin answer nothing until the client gives up.
func (o *origin) hangs() {
	o.does(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

func (o *origin) does(f http.HandlerFunc) { o.trouble.Store(&f) }
func (o *origin) recovers()               { o.trouble.Store(nil) }

package admin

import (
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// minPacked is from how many bytes on an answer is compressed: below, it fits a few packets anyhow.
const minPacked = 4 << 10

// packers are kept because making one costs more than most answers.
var packers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level exists
	return w
}}

// write sends data with the head's status, compressed if it is long and the caller takes
// that: the list of 200 services is a tenth then. Answers hold no secret that could be
// guessed by their length.
func (c *call) write(status int, data []byte) {
	h := c.w.Header()
	packed := len(data) >= minPacked && acceptsGzip(c.r.Header)
	if len(data) >= minPacked {
		h.Add("Vary", "Accept-Encoding")
	}
	if packed {
		h.Set("Content-Encoding", "gzip")
	}
	c.w.WriteHeader(status)
	if c.r.Method == http.MethodHead {
		return
	}
	if !packed {
		_, _ = c.w.Write(data) // a client that left needs no answer
		return
	}
	w := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	w.Reset(c.w)
	_, _ = w.Write(data)
	_ = w.Close()
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3). Names win over *; weight 0 refuses.
func acceptsGzip(h http.Header) bool {
	accepted, any := -1, false
	for item := range strings.SplitSeq(strings.Join(h["Accept-Encoding"], ","), ",") {
		coding, params, _ := strings.Cut(item, ";")
		weight, ok := 1.0, true
		if q, given := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q="); given {
			parsed, err := strconv.ParseFloat(q, 64)
			weight, ok = parsed, err == nil
		}
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			accepted = 0
			if ok && weight > 0 {
				accepted = 1
			}
		case "*":
			any = ok && weight > 0
		}
	}
	return accepted == 1 || accepted < 0 && any
}

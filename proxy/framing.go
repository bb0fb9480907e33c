package proxy

import (
	"bytes"
	"errors"
	"io"
)

// framing is how the end of a body is told (RFC 9112, 6).
type framing uint8

const (
	noBody framing = iota
	fixedBody
	chunkedBody
	closeBody // until the connection ends: answers only
)

// errShort says that the peer left before the body was whole.
var errShort = errors.New("body cut short")

func indexEnd(b []byte) int { return bytes.Index(b, []byte("\r\n\r\n")) }

// hasBareLF looks for a line feed without a carriage return before it, from
// index from on.
func hasBareLF(b []byte, from int) bool {
	for i := from; ; i++ {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return false
		}
		i += n
		if i == 0 || b[i-1] != '\r' {
			return true
		}
	}
}

// body reads one message body from a source, a buffered piece at a time.
type body struct {
	src      *source
	kind     framing
	left     int64 // fixedBody: of the body; chunkedBody: of the chunk
	state    chunkState
	total    int64  // bytes of content handed out
	framed   int64  // bytes of chunk extensions beyond the ordinary
	trailers []byte // whole lines, unchecked
	done     bool
	err      error // broken chunking
}

func (b *body) start(src *source, kind framing, length int64) {
	trailers := b.trailers[:0]
	*b = body{src: src, kind: kind, left: length, trailers: trailers, done: kind == noBody}
	if kind == chunkedBody {
		b.left = 0
	}
}

// ready reports whether next would return without waiting. It consumes the
// framing that stands before the next content.
func (b *body) ready() bool {
	if b.kind == chunkedBody && !b.done && b.err == nil {
		b.err = b.advance()
	}
	if b.done || b.err != nil {
		return true
	}
	return b.src.br.Buffered() > 0 && (b.kind != chunkedBody || b.state == inChunk)
}

// next returns the next piece of content, waiting if need be. It holds until
// the next call. At the end it returns io.EOF; a connection that ends too early
// gives errShort, broken chunking a *refusal.
func (b *body) next() ([]byte, error) {
	for !b.ready() {
		if err := b.src.more(); err != nil {
			return nil, b.ended(err)
		}
	}
	switch {
	case b.err != nil:
		return nil, b.err
	case b.done:
		return nil, io.EOF
	}
	p := b.src.buffered()
	if b.kind != closeBody {
		if int64(len(p)) > b.left {
			p = p[:b.left]
		}
		b.left -= int64(len(p))
	}
	b.src.skip(len(p))
	b.total += int64(len(p))
	if b.left == 0 {
		switch b.kind {
		case fixedBody:
			b.done = true
		case chunkedBody:
			b.state = afterChunk
		}
	}
	return p, nil
}

// ended turns the end of a connection into the end of the body, or into errShort.
func (b *body) ended(err error) error {
	if err != io.EOF {
		return err
	}
	if b.kind == closeBody {
		b.done = true
		return io.EOF
	}
	return errShort
}

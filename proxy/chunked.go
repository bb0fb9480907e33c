package proxy

import (
	"bytes"
	"strconv"
)

// chunkState is where a chunked body stands (RFC 9112, 7.1).
type chunkState uint8

const (
	beforeSize chunkState = iota
	inChunk
	afterChunk // the CRLF that ends a chunk's data
	inTrailers
)

// Limits of what frames a chunked body, in bytes.
const (
	maxChunkLine = 4 << 10  // size and extensions of one chunk
	maxTrailers  = 8 << 10  // the whole trailer section
	maxFraming   = 16 << 10 // extensions over a body, beyond what ordinary chunks carry
)

// advance consumes whole lines of framing, as far as they are buffered, up to
// content or the end of the body.
func (b *body) advance() error {
	for b.state != inChunk && !b.done {
		line, ok, err := b.line()
		if err != nil || !ok {
			return err
		}
		switch b.state {
		case afterChunk:
			if len(line) != 0 {
				return refuseChunk
			}
			b.state = beforeSize
		case beforeSize:
			err = b.sizeLine(line)
		case inTrailers:
			err = b.trailerLine(line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sizeLine begins a chunk. Extensions are dropped: nobody uses them and they
// were used for smuggling.
func (b *body) sizeLine(line []byte) error {
	size, ok := chunkSize(line)
	if !ok {
		return refuseChunk
	}
	// Tiny chunks are a stream's right; extensions without end are an attack.
	b.framed = max(0, b.framed+int64(len(line))-16-2*min(size, 1<<20))
	if b.framed > maxFraming {
		return refuseChunk
	}
	b.left, b.state = size, inChunk
	if size == 0 {
		b.state = inTrailers
	}
	return nil
}

// trailerLine keeps a line of the trailer section, or ends the body.
func (b *body) trailerLine(line []byte) error {
	if len(line) == 0 {
		b.done = true
		return nil
	}
	if len(b.trailers)+len(line) > maxTrailers {
		return refuseChunk
	}
	b.trailers = append(append(b.trailers, line...), "\r\n"...)
	return nil
}

// line consumes one line, if all of it is buffered, and returns it without its CRLF.
func (b *body) line() (line []byte, ok bool, err error) {
	p := b.src.buffered()
	n := bytes.IndexByte(p, '\n')
	switch {
	case n > 0 && p[n-1] == '\r':
		b.src.skip(n + 1)
		return p[:n-1], true, nil
	case n >= 0 || len(p) >= maxChunkLine:
		return nil, false, refuseChunk
	}
	return nil, false, nil
}

// chunkSize reads a chunk's size line: up to 15 hexadecimal digits, then
// nothing or extensions after a semicolon.
func chunkSize(line []byte) (n int64, ok bool) {
	i := 0
	for ; i < len(line) && hexValue(line[i]) >= 0; i++ {
		if i == 15 {
			return 0, false
		}
		n = n<<4 | int64(hexValue(line[i]))
	}
	if i == 0 {
		return 0, false
	}
	rest := trim(line[i:])
	return n, len(rest) == 0 && i == len(line) || len(rest) > 0 && rest[0] == ';' && isValue(rest)
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// appendChunk adds p to dst as one chunk.
func appendChunk(dst, p []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(len(p)), 16)
	dst = append(dst, "\r\n"...)
	dst = append(dst, p...)
	return append(dst, "\r\n"...)
}

// appendLastChunk ends a chunked body. trailers are whole lines, checked.
func appendLastChunk(dst, trailers []byte) []byte {
	dst = append(dst, "0\r\n"...)
	dst = append(dst, trailers...)
	return append(dst, "\r\n"...)
}

// checkedTrailers returns the trailer lines that may be passed on: no field
// that frames, routes or authenticates may come after the fact (RFC 9110, 6.5.1).
// Malformed lines refuse the body.
func checkedTrailers(raw []byte, f *fieldSet) ([]byte, *refusal) {
	if len(raw) == 0 {
		return nil, nil
	}
	section := append(bytes.Clone(raw), "\r\n"...)
	f.reset()
	if r := f.scan(section, 64, false); r != nil {
		return nil, r
	}
	var out []byte
	for i, field := range f.fields {
		if f.kinds[i] == plain && !forbiddenTrailer(field.Name) {
			out = append(append(append(out, field.Name...), ": "...), field.Value...)
			out = append(out, "\r\n"...)
		}
	}
	return out, nil
}

func forbiddenTrailer(name []byte) bool {
	switch {
	case hasPrefixFold(name, "content-"), hasPrefixFold(name, "proxy-"), hasPrefixFold(name, "if-"),
		hasPrefixFold(name, "access-control-"):
		return true
	case equalFold(name, "authorization"), equalFold(name, "cookie"), equalFold(name, "set-cookie"),
		equalFold(name, "location"), equalFold(name, "cache-control"), equalFold(name, "range"),
		equalFold(name, "www-authenticate"), equalFold(name, "traceparent"), equalFold(name, "tracestate"):
		return true
	}
	return false
}

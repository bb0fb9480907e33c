package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// answer is what a load looks at.
type answer struct {
	status int
	label  []byte // holds until the next answer is read
	body   int64  // bytes
	keep   bool   // the connection may carry another request
}

// errAnswer says that an answer broke the protocol.
var errAnswer = errors.New("not an HTTP/1.1 answer")

const maxHeadLines = 1000

// Lengths of bodies that are not told in advance.
const (
	untilClose      = -1
	chunkedEncoding = -2
)

// answerReader reads the answers of one connection without allocating.
type answerReader struct {
	countHeader string // lower case; "": none
	label       []byte
}

// read reads a whole answer, interim ones before it included.
func (h *answerReader) read(br *bufio.Reader, isHead bool) (answer, error) {
	for {
		a, length, err := h.head(br)
		if err != nil {
			return a, err
		}
		if a.status < 200 && a.status != 101 {
			continue
		}
		if isHead || a.status == 204 || a.status == 304 {
			length = 0
		}
		if a.status == 101 || length == untilClose {
			a.keep = false
		}
		if a.status != 101 {
			a.body, err = discard(br, length)
		}
		return a, err
	}
}

func (h *answerReader) head(br *bufio.Reader) (a answer, length int64, err error) {
	line, err := readLine(br)
	if err != nil {
		return a, 0, err
	}
	if a.status, a.keep, err = statusLine(line); err != nil {
		return a, 0, err
	}
	length = untilClose
	for range maxHeadLines {
		if line, err = readLine(br); err != nil {
			return a, 0, err
		}
		if len(line) == 0 {
			return a, length, nil
		}
		if length, err = h.field(line, &a, length); err != nil {
			return a, 0, err
		}
	}
	return a, 0, fmt.Errorf("%w: over %d lines", errAnswer, maxHeadLines)
}

// field takes in one header line, and returns the body's length as known after it.
func (h *answerReader) field(line []byte, a *answer, length int64) (int64, error) {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok {
		return 0, fmt.Errorf("%w: line %q", errAnswer, line)
	}
	value = bytes.TrimSpace(value)
	if h.countHeader != "" && equalFold(name, h.countHeader) {
		// The line lies in the reader's buffer, which the body may overwrite.
		h.label = append(h.label[:0], value...)
		a.label = h.label
	}
	switch {
	case equalFold(name, "transfer-encoding"):
		return chunkedEncoding, nil
	case equalFold(name, "connection"):
		a.keep = keeps(value, a.keep)
	case equalFold(name, "content-length") && length != chunkedEncoding:
		n, err := strconv.ParseInt(string(value), 10, 63)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("%w: length %q", errAnswer, value)
		}
		return n, nil
	}
	return length, nil
}

// statusLine of HTTP/1.1 keeps the connection unless told otherwise, of HTTP/1.0 drops it.
func statusLine(line []byte) (status int, keep bool, err error) {
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' {
		return 0, false, fmt.Errorf("%w: %.40q", errAnswer, line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil || status < 100 {
		return 0, false, fmt.Errorf("%w: %.40q", errAnswer, line)
	}
	return status, line[7] == '1', nil
}

func keeps(value []byte, otherwise bool) bool {
	for token := range bytes.SplitSeq(value, []byte{','}) {
		switch token = bytes.TrimSpace(token); {
		case equalFold(token, "close"):
			return false
		case equalFold(token, "keep-alive"):
			otherwise = true
		}
	}
	return otherwise
}

func discard(br *bufio.Reader, length int64) (n int64, err error) {
	switch length {
	case untilClose:
		return io.Copy(io.Discard, br)
	case chunkedEncoding:
		return discardChunks(br)
	}
	return length, discardBytes(br, length)
}

func discardBytes(br *bufio.Reader, n int64) error {
	for n > 0 {
		part, err := br.Discard(int(min(n, 1<<20)))
		n -= int64(part)
		if err != nil {
			return err
		}
	}
	return nil
}

func discardChunks(br *bufio.Reader) (total int64, err error) {
	for {
		line, err := readLine(br)
		if err != nil {
			return total, err
		}
		digits, _, _ := bytes.Cut(line, []byte{';'})
		size, err := strconv.ParseInt(string(bytes.TrimSpace(digits)), 16, 63)
		if err != nil || size < 0 {
			return total, fmt.Errorf("%w: chunk %.40q", errAnswer, line)
		}
		if size == 0 {
			return total, discardTrailers(br)
		}
		if err := discardBytes(br, size); err != nil {
			return total, err
		}
		total += size
		if line, err = readLine(br); err != nil {
			return total, err
		}
		if len(line) != 0 {
			return total, fmt.Errorf("%w: chunk longer than told", errAnswer)
		}
	}
}

func discardTrailers(br *bufio.Reader) error {
	for range maxHeadLines {
		line, err := readLine(br)
		if err != nil || len(line) == 0 {
			return err
		}
	}
	return fmt.Errorf("%w: over %d trailers", errAnswer, maxHeadLines)
}

// readLine returns a line without its end. It holds until the next read.
func readLine(br *bufio.Reader) ([]byte, error) {
	line, err := br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("%w: line over %d bytes", errAnswer, len(line))
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}

// equalFold compares with a lower-case ASCII name.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http/httputil"
	"testing"
	"testing/iotest"
	"time"

	"sluice/router"
)

// still is a connection without deadlines, for sources that never wait.
type still struct{}

func (still) SetReadDeadline(time.Time) error { return nil }

// decodeChunks reads a chunked body from r, and what follows it.
func decodeChunks(r io.Reader) (content, trailers, rest []byte, err error) {
	src := &source{br: bufio.NewReaderSize(r, clientBuffer), conn: still{}}
	var b body
	b.start(src, chunkedBody, -1)
	for {
		p, err := b.next()
		if err == io.EOF {
			rest, err = io.ReadAll(src.br)
			return content, b.trailers, rest, err
		} else if err != nil {
			return content, nil, nil, err
		}
		content = append(content, p...)
	}
}

func TestChunked(t *testing.T) {
	tests := []struct {
		name, in                string
		content, trailers, rest string
		err                     error
	}{
		{"plain", "3\r\nabc\r\n0\r\n\r\n", "abc", "", "", nil},
		{"upper and lower case, zeros in front", "0A\r\n0123456789\r\n00b\r\n0123456789a\r\n000\r\n\r\n", "01234567890123456789a", "", "", nil},
		{"extensions", "3;a=b;c=\"d\"\r\nabc\r\n0 ;x\r\n\r\n", "abc", "", "", nil},
		{"trailers", "1\r\na\r\n0\r\nX: y\r\nZ: z\r\n\r\n", "a", "X: y\r\nZ: z\r\n", "", nil},
		{"the next message stays", "1\r\na\r\n0\r\n\r\nGET /", "a", "", "GET /", nil},
		{"cut", "5\r\nabc", "abc", "", "", errShort},
		{"cut before the last chunk", "3\r\nabc\r\n", "abc", "", "", errShort},
		{"cut in trailers", "0\r\nX: y\r\n", "", "", "", errShort},
		{"no size", "\r\n", "", "", "", refuseChunk},
		{"bare LF", "3\nabc\r\n", "", "", "", refuseChunk},
		{"chunk too long", "3\r\nabcd\r\n", "abc", "", "", refuseChunk},
		{"space after size", "3 \r\nabc\r\n", "", "", "", refuseChunk},
		{"0x", "0x3\r\nabc\r\n", "", "", "", refuseChunk},
		{"16 digits", "0000000000000003\r\nabc\r\n", "", "", "", refuseChunk},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{bytes.NewReader([]byte(tt.in)), iotest.OneByteReader(bytes.NewReader([]byte(tt.in)))} {
				content, trailers, rest, err := decodeChunks(r)
				if string(content) != tt.content || string(trailers) != tt.trailers || string(rest) != tt.rest || !errors.Is(err, tt.err) {
					t.Errorf("got %q, %q, %q, %v", content, trailers, rest, err)
				}
			}
		})
	}
}

func TestExtensionsAreBounded(t *testing.T) {
	var in bytes.Buffer
	for range 100 {
		in.WriteString("1;" + string(bytes.Repeat([]byte("x"), 1000)) + "\r\na\r\n")
	}
	if _, _, _, err := decodeChunks(&in); err != refuseChunk {
		t.Errorf("got %v", err)
	}
	var tiny bytes.Buffer
	for range 100000 {
		tiny.WriteString("1\r\na\r\n")
	}
	tiny.WriteString("0\r\n\r\n")
	if content, _, _, err := decodeChunks(&tiny); err != nil || len(content) != 100000 {
		t.Errorf("tiny chunks: got %d bytes, %v", len(content), err)
	}
}

// FuzzChunked: whatever is accepted, net/http decodes to the same content.
func FuzzChunked(f *testing.F) {
	f.Add([]byte("3\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nX: y\r\n\r\nGET /"))
	f.Fuzz(func(t *testing.T, in []byte) {
		content, _, _, err := decodeChunks(bytes.NewReader(in))
		if err != nil {
			return
		}
		theirs, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(in)))
		if err == nil && !bytes.Equal(content, theirs) {
			t.Errorf("read %q, net/http %q", content, theirs)
		}
	})
}

// FuzzAnswer: the parser of answers never panics, and what it accepts has one framing.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 404 Not Found\r\nConnection: close, x\r\nX: y\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		n, ok := findHeadEnd(in, 0)
		if !ok || n == 0 {
			return
		}
		var a answerHead
		if parseAnswer(in[:n], &a) != nil {
			return
		}
		if a.status < 100 || a.status > 999 || a.chunked && a.contentLength >= 0 {
			t.Errorf("accepted %+v", a)
		}
		d := delivery{framing: deliveryFraming(a.framing(false), 1), edit: &router.HeaderEdit{}}
		var again answerHead
		if r := parseAnswer(appendAnswer(nil, &a, &d), &again); r != nil {
			t.Errorf("what is sent on is refused: %v", r)
		}
	})
}

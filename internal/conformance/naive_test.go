package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// listener hears what a case finds wrong, without failing the test.
type listener struct {
	testing.TB
	said []string
}

func (l *listener) Errorf(format string, args ...any) {
	l.said = append(l.said, fmt.Sprintf(format, args...))
}

// TestGridNotices puts a proxy that believes Content-Length before an origin that
// believes Transfer-Encoding. A grid that finds nothing there would find nothing
// anywhere.
func TestGridNotices(t *testing.T) {
	scored(t, "grid: the grid itself")
	origin := startGo(t)
	r := &gridRun{address: startNaive(t, origin.address), origin: origin}
	beyond := len(abcChunks) + len(number(inside, 0))
	for i, h := range []hostile{
		post("the origin sees one more", fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n", beyond), abcChunks+inside, passed, beyond),
		post("the origin sees another length", "Content-Length: 13\r\nTransfer-Encoding: chunked\r\n", abcChunks, passed, len(abcChunks)),
		post("what is to be refused is not", "Content-Length: 3\r\nContent-Length: 3\r\n", abc, refused, 0),
	} {
		h.raw, h.sees = number(h.raw, i), number("POST /N", i)
		ear := &listener{TB: t}
		r.try(ear, i, &h)
		if len(ear.said) == 0 {
			t.Errorf("%s: the grid noticed nothing", h.name)
		}
	}
}

// startNaive runs a proxy that frames requests by Content-Length alone, forwards
// the bytes as they are and shares one connection to the origin.
func startNaive(t *testing.T, origin string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	upstream, err := net.Dial("tcp", origin)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		back := bufio.NewReader(upstream)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return // the test is over
			}
			relayNaively(conn, upstream, back)
			conn.Close()
		}
	})
	t.Cleanup(func() { ln.Close(); upstream.Close(); serving.Wait() })
	return ln.Addr().String()
}

func relayNaively(conn, upstream net.Conn, back *bufio.Reader) {
	br := bufio.NewReader(conn)
	for {
		raw, err := readNaively(br)
		if err != nil {
			return
		}
		if _, err := io.WriteString(upstream, raw); err != nil {
			return
		}
		resp, err := http.ReadResponse(back, nil)
		if err != nil {
			return
		}
		if err := resp.Write(conn); err != nil {
			return
		}
	}
}

// readNaively reads a request and believes the last Content-Length.
func readNaively(br *bufio.Reader) (string, error) {
	var raw strings.Builder
	var length int64
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return "", err
		}
		raw.WriteString(line)
		_, _ = fmt.Sscanf(line, "Content-Length: %d", &length) // other fields don't match
		if line == "\r\n" {
			_, err := io.CopyN(&raw, br, length)
			return raw.String(), err
		}
	}
}

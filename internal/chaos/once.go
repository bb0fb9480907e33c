package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// single is what became of one request on a connection of its own.
type single struct {
	interim int // answers 1xx before the one that counts
	status  int // 0: none came
	header  http.Header
	body    int64
	whole   bool // the answer had its end
	took    time.Duration
}

// once sends one GET and reads its answer. It is over after the time given, answer or not.
func once(address string, within time.Duration) (s single) {
	begin := time.Now()
	defer func() { s.took = time.Since(begin) }()
	c, err := net.DialTimeout("tcp", address, within)
	if err != nil {
		return s
	}
	defer c.Close()
	_ = c.SetDeadline(begin.Add(within)) // a fresh connection takes one
	return ask(c, bufio.NewReader(c))
}

// ask is one exchange on a connection that may have more of them.
func ask(c net.Conn, br *bufio.Reader) (s single) {
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"); err != nil {
		return s
	}
	for {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			return s
		}
		if resp.StatusCode < 200 {
			s.interim++
			continue
		}
		s.status, s.header = resp.StatusCode, resp.Header
		s.body, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		s.whole = err == nil
		return s
	}
}

package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// rawOrigin speaks bytes: it keeps what it was sent as it came, and answers
// with what it was told to, byte for byte.
type rawOrigin struct {
	net.Listener

	mu          sync.Mutex
	requests    []string // raw, head and body
	answer      string
	closes      bool // the connection, after the answer
	connections int
}

const plainAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func startRaw(t *testing.T) *rawOrigin {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &rawOrigin{Listener: ln}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return // the test is over
			}
			serving.Go(func() { o.serve(conn) })
		}
	})
	t.Cleanup(func() { ln.Close(); serving.Wait() })
	return o
}

func (o *rawOrigin) serve(conn net.Conn) {
	defer conn.Close()
	o.mu.Lock()
	o.connections++
	o.mu.Unlock()
	br := bufio.NewReader(conn)
	for {
		raw, err := readRaw(br)
		if err != nil {
			return
		}
		o.mu.Lock()
		o.requests = append(o.requests, raw)
		answer, closes := o.answer, o.closes
		o.mu.Unlock()
		if _, err := io.WriteString(conn, answer); err != nil || closes {
			return
		}
	}
}

// readRaw reads one request as it stands on the wire. It trusts sluice to frame
// it in one way only, which is what the tests then look at.
func readRaw(br *bufio.Reader) (string, error) {
	var b strings.Builder
	length, chunked := 0, false
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return "", err
		}
		b.WriteString(line)
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch strings.ToLower(name) {
		case "content-length":
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return "", err
			}
		case "transfer-encoding":
			chunked = true
		}
		if line == "\r\n" {
			break
		}
	}
	if chunked {
		err := readChunks(br, &b)
		return b.String(), err
	}
	_, err := io.CopyN(&b, br, int64(length))
	return b.String(), err
}

func readChunks(br *bufio.Reader, b *strings.Builder) error {
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return err
		}
		b.WriteString(line)
		size, err := strconv.ParseInt(strings.TrimSpace(line), 16, 32)
		if err != nil {
			return err
		}
		if size > 0 {
			if _, err := io.CopyN(b, br, size+2); err != nil {
				return err
			}
			continue
		}
		for { // trailers
			if line, err = br.ReadString('\n'); err != nil {
				return err
			}
			b.WriteString(line)
			if line == "\r\n" {
				return nil
			}
		}
	}
}

// tell sets what is answered from now on, and forgets what came before.
func (o *rawOrigin) tell(answer string, closes bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer, o.closes, o.requests = answer, closes, nil
}

func (o *rawOrigin) received() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.requests...)
}

// exchange is a row of the tests by section: what a client and an origin send,
// and what the other side then has to see.
type exchange struct {
	name     string
	send     string   // "": a plain GET
	answer   string   // of the origin; "": a plain 200
	cut      bool     // the origin closes after it
	none     bool     // the origin must see nothing
	upstream []string // stand in what the origin sees; with a leading !, do not
	status   int      // 0: 200
	head     []string // stand in the answer's head; with a leading !, do not
	body     string   // "": not looked at
	broken   bool     // the client must see that the answer is not whole
	chunked  bool
	closes   bool // the client's connection ends
}

// section runs rows that belong to a section of an RFC.
type section struct {
	number, title string
	rows          []exchange
}

func runSections(t *testing.T, rfc string, sections []section) {
	o := startRaw(t)
	address, _ := boot(t, o.Addr().String(), "")
	for _, s := range sections {
		for _, row := range s.rows {
			t.Run(fmt.Sprintf("%s %s/%s", s.number, s.title, row.name), func(t *testing.T) {
				scored(t, rfc)
				row.run(t, o, address)
			})
		}
	}
}

func (e *exchange) run(t *testing.T, o *rawOrigin, address string) {
	send, answer := e.send, e.answer
	if send == "" {
		send = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
	}
	if answer == "" {
		answer = plainAnswer
	}
	o.tell(answer, e.cut)
	method, _, _ := strings.Cut(strings.TrimLeft(send, "\r\n"), " ")
	c := dial(t, address).send("%s", send)
	a := c.receive(method)
	e.look(t, a)
	if e.closes || e.broken {
		c.closed()
	} else if a.status >= 200 && a.status != 101 {
		e.again(t, o, c, a)
	}
	e.atOrigin(t, o.received())
}

// again asserts that the connection carries another request.
func (e *exchange) again(t *testing.T, o *rawOrigin, c *client, a *answer) {
	t.Helper()
	if a.close {
		t.Errorf("the connection is to end: %s", a.head)
		return
	}
	first := o.received()
	o.tell(plainAnswer, false)
	if got := c.send("GET /again HTTP/1.1\r\nHost: a.test\r\n\r\n").receive("GET"); got.status != 200 || got.body != "ok" {
		t.Errorf("the next request got %s%s", got.head, got.body)
	}
	o.mu.Lock()
	o.requests = first
	o.mu.Unlock()
}

func (e *exchange) look(t *testing.T, a *answer) {
	t.Helper()
	want := e.status
	if want == 0 {
		want = 200
	}
	if a.status != want {
		t.Errorf("status %d, want %d", a.status, want)
	}
	if (a.err != nil) != e.broken {
		t.Errorf("body %q, %v; to be broken: %v", a.body, a.err, e.broken)
	}
	if e.body != "" && a.body != e.body {
		t.Errorf("body %q, want %q", a.body, e.body)
	}
	if a.chunked != e.chunked {
		t.Errorf("chunked: %v, want %v", a.chunked, e.chunked)
	}
	contains(t, "answer", a.head, e.head)
}

func (e *exchange) atOrigin(t *testing.T, received []string) {
	t.Helper()
	switch {
	case e.none && len(received) > 0:
		t.Errorf("the origin saw %q", received)
	case !e.none && len(received) == 0:
		t.Error("the origin saw nothing")
	case len(received) > 0:
		contains(t, "request", received[0], e.upstream)
	}
}

// contains checks parts of raw bytes; those with a leading ! may not be there.
func contains(t *testing.T, what, raw string, parts []string) {
	t.Helper()
	for _, part := range parts {
		absent := strings.HasPrefix(part, "!")
		if absent {
			part = part[1:]
		}
		if strings.Contains(raw, part) == absent {
			t.Errorf("%s holds %q: %v\n%s", what, part, absent, raw)
		}
	}
}

package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// client is a raw connection to sluice.
type client struct {
	net.Conn
	t  testing.TB
	br *bufio.Reader
}

func dial(t testing.TB, address string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience)) // a closed connection fails at the next use
	return &client{Conn: conn, t: t, br: bufio.NewReader(conn)}
}

func (c *client) send(format string, args ...any) *client {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	_, _ = io.WriteString(c.Conn, text) // a refusal may come before the end: what is read tells
	return c
}

// answer is one answer as a client reads it.
type answer struct {
	status  int
	line    string // the status line
	head    string // raw, with its empty line
	header  http.Header
	body    string
	trailer http.Header
	chunked bool
	close   bool
	err     error // of the body
}

// tryReceive reads an answer's head as it stands on the wire, then its body.
func (c *client) tryReceive(method string) (*answer, error) {
	var raw strings.Builder
	for {
		line, err := c.br.ReadString('\n')
		raw.WriteString(line)
		if err != nil {
			return nil, fmt.Errorf("after %q: %w", raw.String(), err)
		}
		if line == "\r\n" {
			break
		}
	}
	request := &http.Request{Method: method}
	joined := bufio.NewReader(io.MultiReader(strings.NewReader(raw.String()), c.br))
	if raw.Len() > 4096 {
		joined = bufio.NewReaderSize(io.MultiReader(strings.NewReader(raw.String()), c.br), 1<<20)
	}
	resp, err := http.ReadResponse(joined, request)
	if err != nil {
		return nil, err
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, head: raw.String(), close: resp.Close}
	a.line, _, _ = strings.Cut(a.head, "\r\n")
	a.chunked = len(resp.TransferEncoding) > 0
	if a.status >= 200 {
		var body []byte
		body, a.err = io.ReadAll(resp.Body)
		a.body, a.trailer = string(body), resp.Trailer
	}
	c.br = joined // it may have read on
	return a, nil
}

func (c *client) receive(method string) *answer {
	c.t.Helper()
	a, err := c.tryReceive(method)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	return a
}

// closed asserts that nothing follows and the connection ends.
func (c *client) closed() {
	c.t.Helper()
	if b, err := c.br.ReadByte(); err == nil {
		rest, _ := io.ReadAll(c.br)
		c.t.Errorf("more came: %q", string(b)+string(rest))
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() { // as the reader has it, unwrapped
		c.t.Error("the connection stays open")
	}
}

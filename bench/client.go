package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// client is one keep-alive connection and what came of the requests on it.
type client struct {
	load   *load
	report Report
	labels map[string]string // so that a label costs one allocation, not one an answer
	buf    []byte
	reader answerReader

	br     *bufio.Reader
	mu     sync.Mutex
	conn   net.Conn  // nil: none is open; set under mu, read by its own goroutine without
	cutoff time.Time // deadlines may not lie beyond; zero: none
}

func newClient(l *load) *client {
	return &client{
		load:   l,
		report: newReport(),
		labels: map[string]string{},
		reader: answerReader{countHeader: strings.ToLower(l.CountHeader)},
		br:     bufio.NewReaderSize(nil, 16<<10),
	}
}

// run sends requests while issue lives, each when due says so, or one after
// the other if due is nil. When ctx ends, the request in flight gets its grace.
func (c *client) run(ctx, issue context.Context, due <-chan time.Time) {
	defer context.AfterFunc(ctx, c.hurry)()
	defer c.close()
	for {
		var intended time.Time
		if due == nil {
			if issue.Err() != nil {
				return
			}
			intended = time.Now()
		} else {
			var open bool
			if intended, open = <-due; !open || issue.Err() != nil {
				return
			}
		}
		r := Result{N: c.load.next.Add(1) - 1, Intended: intended}
		c.exchange(ctx, &r)
		if r.Err != nil && ctx.Err() != nil {
			c.report.Abandoned++
			return
		}
		c.report.add(&r)
		if c.load.Observer != nil {
			c.load.Observer(r)
		}
		if r.Err != nil {
			c.rest(issue)
		}
	}
}

// rest keeps a closed loop from spinning on a server that is down.
func (c *client) rest(ctx context.Context) {
	if c.load.Rate > 0 {
		return
	}
	select {
	case <-time.After(5 * time.Millisecond):
	case <-ctx.Done():
	}
}

// hurry cuts the deadline of the request in flight to the grace period.
func (c *client) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cutoff = time.Now().Add(c.load.Grace)
	if c.conn != nil {
		_ = c.conn.SetDeadline(c.cutoff) // a closed connection needs none
	}
}

// exchange fills in r. A connection that died while it idled is replaced once
// for a request that may be repeated, as any browser does: the server's last
// word on it, Connection: close, may have come too late to be seen.
func (c *client) exchange(ctx context.Context, r *Result) {
	c.buf = c.load.Request(c.buf[:0], r.N)
	r.Sent = time.Now()
	a, err := c.attempt(ctx, r)
	if err == errStale && repeatable(c.buf) {
		r.Retried = true
		a, err = c.attempt(ctx, r)
	}
	r.Done = time.Now()
	if err == errStale {
		err = ErrReset
	}
	if err != nil {
		r.Err = err
		return
	}
	r.Status, r.Label = a.status, c.label(a.label)
	c.report.Bytes += uint64(a.body)
}

// Errors of a request without an answer.
var (
	ErrConnect = errors.New("connect")  // the server can't be reached
	ErrTimeout = errors.New("timeout")  // no whole answer in time
	ErrReset   = errors.New("reset")    // the connection ended before the whole answer came
	ErrAnswer  = errors.New("protocol") // the answer can't be understood

	errStale = errors.New("stale") // as ErrReset, on a used connection, before a byte came
)

func (c *client) attempt(ctx context.Context, r *Result) (answer, error) {
	reused := c.conn != nil
	if !reused {
		if err := c.dial(ctx); err != nil {
			return answer{}, ErrConnect
		}
	}
	c.arm(r.Sent.Add(c.load.Timeout))
	_, err := c.conn.Write(c.buf)
	if err == nil {
		_, err = c.br.Peek(1)
	}
	if err != nil {
		c.close()
		if reused && !errors.Is(err, os.ErrDeadlineExceeded) {
			return answer{}, errStale
		}
		return answer{}, kind(err)
	}
	a, err := c.reader.read(c.br, isHead(c.buf))
	if err != nil {
		c.close()
		return answer{}, kind(err)
	}
	if !a.keep || c.br.Buffered() > 0 {
		c.close()
	}
	return a, nil
}

// kind sorts an error into the few that reports count.
func kind(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTimeout
	case errors.Is(err, errAnswer):
		return ErrAnswer
	}
	return ErrReset
}

func (c *client) dial(ctx context.Context) error {
	dialer := net.Dialer{Timeout: c.load.Timeout}
	conn, err := dialer.DialContext(ctx, "tcp", c.load.Address)
	if err != nil {
		return err
	}
	if c.load.TLS != nil {
		config := c.load.TLS.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(c.load.Address)
		}
		conn = tls.Client(conn, config)
	}
	c.report.Connections++
	c.br.Reset(conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	return nil
}

func (c *client) arm(deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cutoff.IsZero() && c.cutoff.Before(deadline) {
		deadline = c.cutoff
	}
	_ = c.conn.SetDeadline(deadline) // a closed connection fails at the next write
}

func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// maxLabels bounds what a server can make a Report remember.
const maxLabels = 1000

func (c *client) label(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := c.labels[string(b)]; ok {
		return s
	}
	if len(c.labels) >= maxLabels {
		return "(other)"
	}
	s := string(b)
	c.labels[s] = s
	return s
}

func isHead(request []byte) bool {
	return len(request) > 5 && string(request[:5]) == "HEAD "
}

// repeatable reports whether the request is safe and has no body to speak of.
func repeatable(request []byte) bool {
	return isHead(request) || len(request) > 4 && string(request[:4]) == "GET "
}

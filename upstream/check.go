package upstream

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxAnswer bounds what is read of a check's answer, head included.
const maxAnswer = 64 << 10

// probe runs all checks of h against e, one after the other, and returns the
// first failure.
func (h *Health) probe(ctx context.Context, e *Endpoint) error {
	for i := range h.Checks {
		if err := h.Checks[i].run(ctx, e, h.Timeout); err != nil {
			return fmt.Errorf("%s: GET %s: %w", e.Addr(), h.Checks[i].Path, err)
		}
	}
	return nil
}

// run makes the request on a connection of its own, outside the version's
// limits: a check finds out whether the endpoint accepts connections, and must
// not fail because the proxy has many. Redirects are answers like any other.
func (c *Check) run(ctx context.Context, e *Endpoint, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	l, err := e.dial(ctx, timeout, Client{})
	if err != nil {
		return err
	}
	defer l.shut()
	// Interrupts reading and writing when the time is over, or the prober ends.
	stop := context.AfterFunc(ctx, func() { _ = l.tcp.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err = c.exchange(l, e)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("no answer within %s", timeout)
	}
	return err
}

func (c *Check) exchange(l *link, e *Endpoint) error {
	host := c.Host
	if host == "" {
		host = e.Authority()
	}
	_, err := fmt.Fprintf(l.nc, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice-health\r\nAccept: */*\r\nConnection: close\r\n\r\n", c.Path, host)
	if err != nil {
		return err
	}
	limited := &io.LimitedReader{R: l.nc, N: maxAnswer}
	answer, err := final(bufio.NewReader(limited))
	if err != nil {
		return fmt.Errorf("bad answer: %w", err)
	}
	if answer.StatusCode != c.Status {
		return fmt.Errorf("status %d, want %d", answer.StatusCode, c.Status)
	}
	if c.JSON == nil {
		return nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil && limited.N == 0 {
		return fmt.Errorf("answer longer than %d bytes", maxAnswer)
	} else if err != nil {
		return fmt.Errorf("bad answer: %w", err)
	}
	return c.judge(body)
}

// final reads heads up to the first that is no interim answer (RFC 9110 15.2).
func final(r *bufio.Reader) (*http.Response, error) {
	for range 10 {
		answer, err := http.ReadResponse(r, &http.Request{Method: http.MethodGet})
		if err != nil || answer.StatusCode >= 200 || answer.StatusCode == http.StatusSwitchingProtocols {
			return answer, err
		}
	}
	return nil, errors.New("interim answers without end")
}

func (c *Check) judge(body []byte) error {
	var got any
	if err := json.Unmarshal(body, &got); err != nil {
		return fmt.Errorf("body is not JSON: %w", err)
	}
	return contains("", c.JSON, got)
}

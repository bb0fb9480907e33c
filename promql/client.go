// Package promql asks Prometheus for single numbers. A Client asks one server once;
// a Poller asks many questions again and again, beside whoever uses the
// answers, and owns its goroutines in Run. Whatever is not exactly one finite number is
// an error: a caller can't take "no data" for a good or a bad figure. The package knows
// nothing of services, verdicts or configuration.
package promql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Source is one server. The zero value of all but URL is right for plain HTTP
// without a token. It is comparable, and never printed: it holds a token.
type Source struct {
	URL        string // http or https, without /api/v1/query
	Token      string // bearer token; "": none
	CA         string // PEM file; "": the system's roots
	Cert, Key  string // PEM files of a client certificate; both or none
	ServerName string // to verify; "": the URL's host
}

const (
	maxBody    = 1 << 20 // bytes of an answer
	maxMessage = 200     // bytes of what a server says of an error
)

// Client asks one server. It is safe for concurrent use.
type Client struct {
	endpoint string
	token    string
	http     *http.Client
}

// New reads the source's files and makes a Client. It connects to nothing yet.
func New(s Source) (*Client, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("prometheus: the URL must start with http:// or https:// and a host")
	}
	conf, err := s.tls()
	if err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	return &Client{
		endpoint: u.JoinPath("api", "v1", "query").String(),
		token:    s.Token,
		http: &http.Client{
			Transport: &http.Transport{
				TLSClientConfig: conf, MaxIdleConnsPerHost: 4, IdleConnTimeout: 2 * time.Minute,
				MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
				DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			},
			// A redirect could carry the question elsewhere; it is no answer.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (s *Source) tls() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.ServerName}
	if s.CA != "" {
		pem, err := os.ReadFile(s.CA)
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca %s: holds no certificate", s.CA)
		}
	}
	if s.Cert != "" || s.Key != "" {
		pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
		if err != nil {
			return nil, fmt.Errorf("tls.cert: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// Close lets idle connections go. Queries that run go on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Query evaluates an instant query and returns the one number of its result. It
// ends when ctx does; the server is told of ctx's deadline. The error says why there is no number;
// it never holds the token.
func (c *Client) Query(ctx context.Context, query string) (float64, error) {
	form := url.Values{"query": {query}}
	if deadline, ok := ctx.Deadline(); ok {
		form.Set("timeout", max(time.Until(deadline), time.Millisecond).Round(time.Millisecond).String())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, fmt.Errorf("prometheus: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, unreachable(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return 0, unreachable(ctx, err)
	case len(body) > maxBody:
		return 0, fmt.Errorf("prometheus: the answer is larger than %d bytes", maxBody)
	}
	return read(resp.StatusCode, body)
}

// unreachable leaves out the address, which stands in the configuration, and varies with no cause.
func unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("prometheus: no answer in time")
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return fmt.Errorf("prometheus: %s: %w", op.Op, op.Err)
	}
	return fmt.Errorf("prometheus: %w", err)
}

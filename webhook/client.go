package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"sluice/config"
)

// What a zero field means.
const (
	defaultTimeout = 10 * time.Second // Flagger's as well
	defaultPause   = time.Second      // before the second attempt, at most
	defaultLongest = 30 * time.Second // before any attempt, at most
	mostRetries    = 20
)

// Client sends requests. The zero value is ready: it trusts the system's roots. Set the
// fields before the first use. Safe for concurrent use; it keeps no connection open
// between two attempts, so there is nothing to close.
//
// HTTP_PROXY, HTTPS_PROXY and NO_PROXY are honoured, as chat services are often reached
// through a proxy alone. Loopback addresses and localhost never go through it,
// whatever NO_PROXY says: a hook of a sidecar stays on its machine.
type Client struct {
	Version string         // of sluice, for User-Agent; "": dev
	Roots   *x509.CertPool // who may vouch for https servers; nil: the system's
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Pause   time.Duration // the most that is waited before the second attempt, doubled before each further one; 0: 1 s
	Longest time.Duration // the most that is waited before any attempt, also if the server asks for more; 0: 30 s

	once sync.Once
	http *http.Client
}

// Request is one delivery. URL and Body are needed.
type Request struct {
	URL         string // http or https; user and password in it become Basic credentials
	ContentType string // "": application/json
	Body        []byte
	Event       string              // Sluice-Event; "": not sent
	Delivery    string              // Sluice-Delivery: the idempotency key, the same for every attempt; "": not sent
	Secret      config.Secret       // key of Sluice-Signature; "": unsigned
	Timeout     time.Duration       // of one attempt, to the end of the answer; 0: 10 s
	Retries     int                 // attempts after a first that failed, at most 20
	Passes      func(code int) bool // which answers pass; nil: 200 to 299
}

// Result is what became of a delivery.
type Result struct {
	OK       bool
	Status   int           // of the last answer; 0: there was none
	Attempts int           // made
	Took     time.Duration // all attempts and the pauses between them
	Message  string        // why it failed, or what the answer said: one line without the URL's credentials, query or the secret
}

// Send delivers r. A connection that fails, a timeout, 429 and 5xx other than 501 are tried
// again, after a random pause that may double each time (full jitter); Retry-After is
// honoured up to Longest. An answer counts once it has ended, or has
// said 64 KiB. When ctx ends, Send returns at once.
func (c *Client) Send(ctx context.Context, r Request) Result {
	began := time.Now()
	result := c.attempts(ctx, r)
	result.Took = time.Since(began)
	return result
}

func (c *Client) attempts(ctx context.Context, r Request) Result {
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return Result{Message: "the URL must start with http:// or https:// and a host"}
	}
	if r.Timeout <= 0 {
		r.Timeout = defaultTimeout
	}
	c.once.Do(c.prepare)
	for made := 1; ; made++ {
		a := c.attempt(ctx, u, r)
		last := Result{OK: a.ok, Status: a.status, Attempts: made, Message: a.message}
		if a.ok || !a.again || made > min(r.Retries, mostRetries) {
			return last
		}
		if !wait(ctx, c.pause(made, a.after)) {
			return last
		}
	}
}

// prepare makes the transport. Connections are not kept: hooks are rare, a kept connection
// that the server has closed in between would fail a POST, and a name that moved is seen at once.
func (c *Client) prepare() {
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: defaultTimeout}).DialContext
	}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Roots},
			TLSHandshakeTimeout:    defaultTimeout,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
		},
		// A redirect could carry what is signed elsewhere; it is no answer.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// wait reports whether d went by before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

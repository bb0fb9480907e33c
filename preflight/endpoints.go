package preflight

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"sluice/upstream"
)

// expiresSoon is what a certificate should have left.
const expiresSoon = 14 * 24 * time.Hour

// reached is what became of one endpoint.
type reached struct {
	endpoint *upstream.Endpoint
	state    *tls.ConnectionState // nil: plain http, or not reached
	err      error
}

// endpoints connects to each of the candidate's, as requests will, and looks at its certificate.
func (s *Subject) endpoints(ctx context.Context) []Finding {
	const name = "endpoints"
	if s.CanaryPool == nil {
		return not(name, Critical, "version %s is not in force", s.Canary)
	}
	all := s.CanaryPool.Resolved()
	if len(all) == 0 {
		return not(name, s.missing(), "version %s has no endpoint: %s", s.Canary, s.names())
	}
	timeout := s.Service.Timeouts.Connect
	if timeout <= 0 {
		timeout = time.Second
	}
	results := make([]reached, len(all))
	each(len(all), func(i int) {
		results[i].endpoint = all[i]
		results[i].state, results[i].err = all[i].Reach(ctx, timeout)
	})
	return append(s.connections(results), s.certificates(results)...)
}

// connections is the finding on those that can't be reached.
func (s *Subject) connections(results []reached) []Finding {
	const name = "endpoints"
	var bad []string
	for _, r := range results {
		if r.err != nil && !handshake(r.err) {
			bad = append(bad, at(r.endpoint)+": "+r.err.Error())
		}
	}
	if len(bad) > 0 {
		return not(name, s.missing(), "%d of %d can't be reached: %s", len(bad), len(results), some(bad))
	}
	return ok(name, Critical, "all %d of %s accept connections", len(results), s.Canary)
}

// certificates is the finding on TLS; none where no endpoint that was reached has it.
func (s *Subject) certificates(results []reached) []Finding {
	const name = "tls"
	secure := 0
	var refused, expiring []string
	for _, r := range results {
		switch {
		case handshake(r.err):
			secure++
			refused = append(refused, at(r.endpoint)+": "+r.err.Error())
		case r.state != nil:
			secure++
			if end, soon := s.expiry(r.state); soon {
				expiring = append(expiring, fmt.Sprintf("%s: until %s", at(r.endpoint), end.UTC().Format(time.RFC3339)))
			}
		}
	}
	switch {
	case secure == 0:
		return nil
	case len(refused) > 0:
		return not(name, Critical, "%d of %d fail the handshake: %s", len(refused), secure, some(refused))
	case len(expiring) > 0:
		return not(name, Warning, "certificates end within 14 days: %s", some(expiring))
	}
	return ok(name, Critical, "certificates are valid for 14 days at least")
}

// missing endpoints are what a rolling update begins with: its stages wait for them.
func (s *Subject) missing() Severity {
	if s.rolling() {
		return Warning
	}
	return Critical
}

func (s *Subject) rolling() bool {
	return s.Service.Rollout != nil && s.Service.Rollout.Strategy == "rolling"
}

func (s *Subject) names() string {
	for _, v := range s.Service.Versions {
		if v.Name == s.Canary && len(v.Endpoints) > 0 {
			var hosts []string
			for _, e := range v.Endpoints {
				hosts = append(hosts, e.URL)
			}
			return some(hosts) + " could not be looked up"
		}
	}
	return "none is configured"
}

// handshake reports whether err comes from TLS: the address was reached.
func handshake(err error) bool {
	return errors.Is(err, upstream.ErrHandshake)
}

// expiry is the first end of a certificate in the chain that the endpoint showed, or of that which vouches for it.
func (s *Subject) expiry(state *tls.ConnectionState) (end time.Time, soon bool) {
	chain := state.PeerCertificates
	if len(state.VerifiedChains) > 0 {
		chain = state.VerifiedChains[0]
	}
	for _, c := range chain {
		if end.IsZero() || c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end, !end.IsZero() && end.Sub(s.Now()) < expiresSoon
}

// at is an endpoint as people know it.
func at(e *upstream.Endpoint) string {
	if strings.HasSuffix(e.URL(), "://"+e.Addr()) {
		return e.URL()
	}
	return e.URL() + " (" + e.Addr() + ")"
}

// health runs the service's checks once.
func (s *Subject) health(ctx context.Context) []Finding {
	const name = "health"
	if why := s.Service.BlindStandby(); why != "" {
		return not(name, Warning, "%s", why)
	}
	if s.Service.Health == nil {
		return ok(name, Warning, "the service has no health checks: only its traffic shows whether an endpoint works")
	}
	if s.CanaryPool == nil {
		return not(name, Critical, "version %s is not in force", s.Canary)
	}
	all := s.CanaryPool.Resolved()
	errs := make([]error, len(all))
	each(len(all), func(i int) { errs[i] = s.CanaryPool.Examine(ctx, all[i]) })
	var bad []string
	for i, err := range errs {
		if err != nil {
			bad = append(bad, at(all[i])+": "+err.Error())
		}
	}
	switch {
	case len(all) == 0:
		return not(name, s.missing(), "version %s has no endpoint", s.Canary)
	case len(bad) > 0:
		return not(name, s.missing(), "%d of %d endpoints of %s fail their checks: %s", len(bad), len(all), s.Canary, some(bad))
	}
	return ok(name, Critical, "all %d endpoints of %s pass their checks", len(all), s.Canary)
}

// each calls f for 0 … n-1, some of them at the same time, and waits for all.
func each(n int, f func(i int)) {
	turns := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i := range n {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			f(i)
		})
	}
	wg.Wait()
}

package upstream

import (
	"context"
	"crypto/tls"
	"time"
)

// Reach opens a connection to e as requests do, TLS handshake included, and closes it. It
// is outside of the version's limits and says nothing to its health. state is nil for
// plain http. An error of the handshake wraps ErrHandshake and its cause. Safe for concurrent use.
func (e *Endpoint) Reach(ctx context.Context, timeout time.Duration) (state *tls.ConnectionState, err error) {
	l, err := e.dial(ctx, timeout, Client{})
	if err != nil {
		return nil, err
	}
	defer l.shut()
	if secure, ok := l.nc.(*tls.Conn); ok {
		s := secure.ConnectionState()
		state = &s
	}
	return state, nil
}

// Examine runs the pool's health checks against e once, whatever earlier ones said, and
// returns the first failure; nil without checks. It changes nothing. Safe for concurrent use.
func (p *Pool) Examine(ctx context.Context, e *Endpoint) error {
	if p.o.Health == nil {
		return nil
	}
	return p.o.Health.probe(ctx, e)
}

// Resolved returns the endpoints in force, after a first lookup of the pool's names if there
// was none yet, which takes the connect timeout at most.
func (p *Pool) Resolved() []*Endpoint {
	if all := p.Endpoints(); len(all) > 0 || !p.named {
		return all
	}
	return p.firstLookup()
}

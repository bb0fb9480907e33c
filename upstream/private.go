package upstream

import (
	"context"
	"fmt"
)

// Private holds the connection that one client has to itself between two of its requests:
// one that began with the client's address may carry nobody else's requests. The zero value holds
// none. It belongs to one goroutine.
type Private struct{ link *link }

// Close closes the connection held, if there is one.
func (p *Private) Close() {
	if l := p.take(); l != nil {
		l.end()
	}
}

func (p *Private) take() *link {
	l := p.link
	p.link = nil
	return l
}

// put holds l, which was released. The one held before is closed.
func (p *Private) put(l *link) {
	p.Close()
	l.used, l.since = true, clock()
	p.link = l
}

// Shared reports whether connections may carry requests of different clients, and so come from
// Conn; otherwise from Private.
func (p *Pool) Shared() bool { return p.o.ProxyProtocol == 0 }

// Private is Conn for a pool that tells its endpoints by the PROXY protocol who the client is: it
// returns the connection that own holds, if that leads to e, else a new one that begins with c. Release gives it
// to own. At the limit nothing of another client's makes room; held connections count.
func (p *Pool) Private(ctx context.Context, e *Endpoint, fresh bool, own *Private, c Client) (*Conn, error) {
	if l := own.take(); l != nil {
		if !fresh && l.endpoint == e && !e.retired.Load() && l.fresh(clock(), p.o.IdleTimeout) {
			return l.lend(), nil
		}
		l.end()
	}
	places := &p.version.places
	if !places.take(p.o.MaxConnections) {
		l, err := places.wait(ctx, &waiter{pool: p, e: e, fresh: true, got: make(chan *link, 1)})
		if err != nil {
			return nil, err
		}
		if l != nil {
			l.shut() // its place is ours
		}
	}
	l, err := e.dial(ctx, p.o.ConnectTimeout, c)
	if err != nil {
		places.free()
		return nil, fmt.Errorf("%s: %w", e.URL(), err)
	}
	l.own = own
	return l.lend(), nil
}

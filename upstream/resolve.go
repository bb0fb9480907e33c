package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

const (
	resolveEvery   = 10 * time.Second
	resolveTimeout = 5 * time.Second
	// A name that could not be looked up is not asked for again by requests for
	// this long, lest a dead resolver be hammered.
	resolveRetry = time.Second
)

// lookUp returns a name's addresses of both families; never none without an error.
func lookUp(ctx context.Context, r Resolver, host string) ([]netip.Addr, error) {
	found, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errors.New("lookup " + host + ": no addresses")
	}
	return found, nil
}

// learn puts the result of a lookup of host in force. After a failure the last
// good addresses stay. moved: the endpoints are others now.
func (p *Pool) learn(host string, found []netip.Addr, err error) (changes []Change, moved bool) {
	before := p.Endpoints()
	for _, t := range p.targets {
		if t.literal || t.Host != host {
			continue
		}
		if c, changed := t.take(found, err); changed {
			changes = append(changes, c)
		}
	}
	p.rebuild()
	for i := range changes {
		changes[i].Last = !p.Usable()
	}
	return changes, !slices.Equal(before, p.Endpoints())
}

// take takes in the result of a lookup. It is a change only where there are, or
// were, no addresses to go on with.
func (t *target) take(found []netip.Addr, err error) (c Change, changed bool) {
	before := len(t.endpoints())
	if err == nil {
		t.learn(found)
	}
	failedBefore := t.failed.Swap(err != nil)
	if before > 0 || failedBefore == (err != nil) {
		return Change{}, false
	}
	c = Change{Service: t.version.service, Version: t.version.name, Endpoint: t.URL, Healthy: err == nil}
	if err != nil {
		c.Reason = err.Error()
	} else {
		c.Reason = fmt.Sprintf("%s has %d addresses", t.Host, len(t.endpoints()))
	}
	return c, true
}

// firstLookup looks up the pool's names for a request that came before the
// prober did. Requests that come meanwhile wait for the same lookup.
func (p *Pool) firstLookup() []*Endpoint {
	if !p.named {
		return nil
	}
	p.asking.Lock()
	defer p.asking.Unlock()
	p.rebuild() // the prober or another generation may have looked them up
	if all := p.Endpoints(); len(all) > 0 || clock() < p.tryNext {
		return all
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.o.ConnectTimeout)
	defer cancel()
	for _, t := range p.targets {
		if len(t.endpoints()) > 0 { // by an equal name before it
			continue
		}
		found, err := lookUp(ctx, p.o.Resolver, t.Host)
		changes, _ := p.learn(t.Host, found, err)
		for _, c := range changes {
			p.version.tell(c)
		}
	}
	p.tryNext = clock() + int64(resolveRetry)
	return p.Endpoints()
}

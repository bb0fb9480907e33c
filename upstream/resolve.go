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
	p.lookup.Lock()
	defer p.lookup.Unlock()
	before := p.Endpoints()
	changes = p.learnLocked(host, found, err)
	return changes, !slices.Equal(before, p.Endpoints())
}

func (p *Pool) learnLocked(host string, found []netip.Addr, err error) (changes []Change) {
	for _, t := range p.targets {
		if t.literal || t.Host != host {
			continue
		}
		had, failed := len(t.endpoints()) > 0, t.failed.Load()
		if err == nil {
			t.learn(found)
		} else {
			t.failed.Store(true)
		}
		// With addresses to go on with, a failed lookup changes nobody's health.
		switch {
		case had || failed == (err != nil):
		case err != nil:
			changes = append(changes, p.version.nameChange(t, false, err.Error()))
		default:
			changes = append(changes, p.version.nameChange(t, true, fmt.Sprintf("%s has %d addresses", host, len(t.endpoints()))))
		}
	}
	p.rebuild()
	for i := range changes {
		changes[i].Last = !p.Usable()
	}
	return changes
}

func (v *version) nameChange(t *target, healthy bool, reason string) Change {
	return Change{Service: v.service, Version: v.name, Endpoint: t.URL, Healthy: healthy, Reason: reason}
}

// firstLookup looks up the pool's names for a request that came before the
// prober did. Requests that come meanwhile wait for the same lookup.
func (p *Pool) firstLookup() []*Endpoint {
	if !p.named {
		return nil
	}
	p.lookup.Lock()
	defer p.lookup.Unlock()
	if all := *p.inForce.Load(); len(all) > 0 || clock() < p.tryNext {
		return all
	}
	p.rebuild() // another generation may have looked them up
	if all := *p.inForce.Load(); len(all) > 0 {
		return all
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.o.ConnectTimeout)
	defer cancel()
	for _, t := range p.targets {
		if len(t.endpoints()) > 0 { // by an equal name before it
			continue
		}
		found, err := lookUp(ctx, p.o.Resolver, t.Host)
		for _, c := range p.learnLocked(t.Host, found, err) {
			p.version.tell(c)
		}
	}
	p.tryNext = clock() + int64(resolveRetry)
	return *p.inForce.Load()
}

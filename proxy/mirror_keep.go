package proxy

import (
	"time"

	"sluice/comparison"
	"sluice/router"
)

// compareTo has the answers to the request and its copy compared, if stable is
// to answer it, and now and then sends the copy to stable as well.
func (x *exchange) compareTo(mirror *router.Mirror) {
	m, stable := x.c.server.mirrors, x.svc.Versions[x.svc.Stable()]
	if stable == mirror.Version {
		return // it has been promoted: there is nothing left to compare it with
	}
	state := m.comparer.of(x.svc.Name, stable.Name, mirror.Version.Name)
	if x.choice.Version != stable {
		m.comparer.skip(state, x.svc.Name, compareNotStable)
		return
	}
	p := m.comparer.begin(mirror, state, x.svc.Name, comparison.Request{
		At: time.Now(), Method: string(x.h.method), Path: comparison.Target(string(x.h.path), string(x.h.query)), ID: string(x.out.id),
	})
	x.pair = p
	x.copied.pair, x.copied.side = p, sideShadow
	if !state.wantsRepeat(x.h.method) {
		return
	}
	again := &router.Mirror{Version: stable, Pool: x.choice.Pool, MaxBody: mirror.MaxBody, Timeout: mirror.Timeout}
	c := m.take(again, x.svc.Name, x.message, x.small)
	if c == nil {
		state.repeats.Add(-1)
		return
	}
	p.ask(sideRepeat)
	c.pair, c.side = p, sideRepeat
	x.copied.also = c
}

// keepHead leaves the head of stable's answer to the comparison.
func (x *exchange) keepHead() {
	switch {
	case x.choice.Version.Name != x.pair.state.stable:
		x.unpair(compareNotStable)
	case x.ans.streams():
		x.unpair(compareStream)
	default:
		x.pair.head(sideStable, &x.ans)
	}
}

// keepBody leaves a piece of its body. One that is longer than what is kept is
// handed over at once: a slow client then holds nothing of it.
func (x *exchange) keepBody(p []byte) {
	if !x.pair.keep(sideStable, p) {
		x.pair.done(sideStable)
		x.pair = nil
	}
}

// keepEnd hands it over once the client has it.
func (x *exchange) keepEnd(whole bool) {
	if !whole {
		x.unpair(compareIncomplete)
		return
	}
	x.pair.done(sideStable)
	x.pair = nil
}

// unpair gives the comparison up.
func (x *exchange) unpair(reason string) {
	x.pair.lost(sideStable, reason)
	x.pair = nil
}

// What becomes of a copy, for its comparison if there is one.

func (c *mirrorCopy) keepHead(a *answerHead) {
	switch {
	case c.pair == nil:
	case a.streams():
		c.lost(compareStream)
	default:
		c.pair.head(c.side, a)
	}
}

func (c *mirrorCopy) keepBody(b []byte) {
	if c.pair != nil {
		c.pair.keep(c.side, b)
	}
}

func (c *mirrorCopy) answered() {
	if c.pair != nil {
		c.pair.done(c.side)
	}
}

func (c *mirrorCopy) failed(why string) {
	if c.pair != nil {
		c.pair.failed(c.side, why)
	}
}

func (c *mirrorCopy) unsent() { c.lost(compareUnsent) }

func (c *mirrorCopy) lost(reason string) {
	if c.pair != nil {
		c.pair.lost(c.side, reason)
	}
}

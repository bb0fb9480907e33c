package rollout

import (
	"context"
	"strconv"
	"sync"

	"sluice/config"
)

// eventsWaiting is how many events of one service wait for its event hooks before the next are dropped.
const eventsWaiting = 100

// tellHooks gives each event of a service to the hooks of PointEvent, until ctx
// ends. Services have a queue and a goroutine each, so that a receiver that hangs
// costs nobody else an event, and nobody waits.
func (c *Controller) tellHooks(ctx context.Context) {
	queues := map[string]chan Event{}
	var workers sync.WaitGroup
	defer workers.Wait()
	for {
		changed := c.journal.Changed()
		events, gap := c.journal.Since(c.hooked)
		if gap {
			c.unheard.Add(1)
		}
		for _, e := range events {
			c.hooked = e.ID
			if !c.hasHook(e.Service, PointEvent) {
				continue
			}
			q := queues[e.Service]
			if q == nil {
				q = make(chan Event, eventsWaiting)
				queues[e.Service] = q
				workers.Go(func() { c.tellEvents(ctx, q) })
			}
			select {
			case q <- e:
			default:
				c.unheard.Add(1)
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// tellEvents sends the events of one service, one after another.
func (c *Controller) tellEvents(ctx context.Context, q <-chan Event) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-q:
			at, ok := c.eventSituation(e)
			if !ok {
				continue
			}
			call, cancel := context.WithTimeout(ctx, mostHooks)
			results := c.outside.Call(call, at)
			cancel()
			if ok, _ := summarizeHooks(results); !ok && ctx.Err() == nil {
				c.unheard.Add(1)
			}
		}
	}
}

// eventSituation is e as hooks are told it: with the rollout that it happened in, if there is one.
func (c *Controller) eventSituation(e Event) (Situation, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.services[e.Service]
	if s == nil {
		return Situation{}, false
	}
	at := Situation{Service: s.name, Stable: s.live.Stable, ConfigVersion: c.config}
	if s.course != nil {
		at = c.situation(s, PointEvent, "")
	} else if s.cfg.Rollout != nil {
		at.Strategy, at.Canary = s.cfg.Rollout.Strategy, s.cfg.Rollout.Canary
	}
	at.Point, at.Key, at.Reason, at.Event = PointEvent, "event/"+strconv.FormatUint(e.ID, 10), e.Message, &e
	return at, true
}

// hasHook reports whether the file of a service has a hook at a point.
func (c *Controller) hasHook(service, point string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.services[service]
	return s != nil && len(hooksAt(s.cfg, point, "")) > 0
}

// hooksAt are the hooks of a point, in the file's order; of one format if that is not "".
func hooksAt(cfg *config.Service, point, format string) (all []config.Hook) {
	if cfg.Rollout == nil {
		return nil
	}
	for _, h := range cfg.Rollout.Hooks {
		if h.On == point && (format == "" || h.Format == format) {
			all = append(all, h)
		}
	}
	return all
}

// Unheard counts events that the hooks for events did not get: dropped, or refused by the receiver.
func (c *Controller) Unheard() uint64 { return c.unheard.Load() }

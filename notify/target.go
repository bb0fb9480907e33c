package notify

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"sluice/config"
	"sluice/webhook"
)

const (
	queueSize = 64               // notes that wait for one target; further ones are dropped
	timeout   = 10 * time.Second // of one attempt
	retries   = 5                // after a first that failed
)

// address tells one target from another. It holds a secret and is never printed.
type address struct {
	kind string
	url  config.Secret
}

// target is where notes go: its queue and its worker, whoever subscribed.
type target struct {
	address
	queue   chan Note
	retired chan struct{} // closed when nothing more will be queued
	counts  *counts
	dropped atomic.Uint64 // since the worker last told
}

func newTarget(a address, c *counts) *target {
	return &target{address: a, queue: make(chan Note, queueSize), retired: make(chan struct{}), counts: c}
}

// offer queues n, or drops it: the newest goes, as what came first says how it began.
func (t *target) offer(n Note) {
	select {
	case t.queue <- n:
	default:
		t.counts.dropped.Add(1)
		t.dropped.Add(1)
	}
}

// work sends what is queued until t is retired and its queue is empty. When ctx ends, what is left is dropped.
func (t *target) work(ctx context.Context, client *webhook.Client, logger *slog.Logger) {
	for {
		select {
		case n := <-t.queue:
			t.send(ctx, client, logger, n)
			continue
		case <-t.retired:
		}
		for {
			select {
			case n := <-t.queue:
				t.send(ctx, client, logger, n)
			default:
				return
			}
		}
	}
}

func (t *target) send(ctx context.Context, client *webhook.Client, logger *slog.Logger, n Note) {
	if ctx.Err() != nil {
		t.counts.dropped.Add(1)
		return
	}
	if lost := t.dropped.Swap(0); lost > 0 {
		logger.Warn("notifications dropped", "type", t.kind, "service", n.Service, "dropped", lost, "reason", "the target takes them too slowly")
	}
	body, contentType, err := render(t.kind, &n)
	if err != nil {
		t.counts.failed.Add(1)
		logger.Warn("notification not sent", "type", t.kind, "service", n.Service, "reason", err.Error())
		return
	}
	r := client.Send(ctx, webhook.Request{
		URL: t.url.Reveal(), ContentType: contentType, Body: body, Event: n.Type, Delivery: n.delivery(),
		Timeout: timeout, Retries: retries,
	})
	if r.OK {
		t.counts.sent.Add(1)
		return
	}
	t.counts.failed.Add(1)
	logger.Warn("notification not sent", "type", t.kind, "service", n.Service, "event", n.Type, "status", r.Status,
		"attempt", r.Attempts, "duration_us", r.Took.Microseconds(), "reason", r.Message)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"sluice/rollout"
)

const followEvery = time.Second

// look is what one look at a rollout found.
type look struct {
	at      time.Time
	rollout *rolloutAnswer
	service *serviceView    // nil: not asked for, or not to be had
	events  []rollout.Event // since the look before
	err     error           // nothing was to be had; rollout is the one of the look before
}

// view shows looks, one after the other.
type view interface {
	show(look) error
}

// follower looks at a rollout again and again until it ends.
type follower struct {
	client   *adminClient
	service  string
	view     view
	interval time.Duration
	timeout  time.Duration // 0: none
	figures  bool          // read the figures of the versions as well
	onward   bool          // go on with a rollout that supersedes the one before; else that is a failure

	last *rolloutAnswer
	seen uint64 // id of the newest event shown
}

// run returns the rollout as it was at its end, or when ctx ended. A look that
// fails is shown and not the end: a restart of the process is no reason to give up.
func (f *follower) run(ctx context.Context) (*rolloutAnswer, error) {
	outer := ctx
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	ticker := time.NewTicker(f.interval)
	defer ticker.Stop()
	for {
		done, err := f.step(ctx)
		if done || err != nil {
			return f.last, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			if outer.Err() != nil && f.last == nil {
				return nil, errSilent
			}
			if outer.Err() != nil {
				return f.last, nil
			}
			return f.last, fmt.Errorf("rollout of %s has not ended within %v: %s", f.service, f.timeout, standing(f.last))
		}
	}
}

// step looks once. It is done when the rollout is over.
func (f *follower) step(ctx context.Context) (done bool, err error) {
	l := look{at: time.Now(), rollout: f.last}
	now, err := f.client.rollout(ctx, f.service)
	switch {
	case ctx.Err() != nil:
		return false, nil
	case err != nil && (f.last == nil || refused(err)):
		return true, err
	case err != nil:
		l.err = err
		return false, f.view.show(l)
	case f.last != nil && f.last.ID != now.ID && !f.onward:
		return true, fmt.Errorf("rollout %s of %s was superseded by %s", f.last.ID, f.service, now.ID)
	}
	f.last, l.rollout = now, now
	l.events = f.news(ctx)
	if f.figures {
		var svc serviceView
		if f.client.get(ctx, "/api/v1/services/"+url.PathEscape(f.service), &svc) == nil {
			l.service = &svc
		}
	}
	return now.over(), f.view.show(l)
}

// news are the events since the last look; at the first, those since the rollout began.
func (f *follower) news(ctx context.Context) []rollout.Event {
	events, err := f.client.fresh(ctx, f.service, f.seen)
	if err != nil {
		return nil // the next look asks for them again
	}
	var out []rollout.Event
	for _, e := range events {
		if f.seen = max(f.seen, e.ID); !e.Time.Before(f.last.StartedAt.Add(-time.Second)) && !f.last.none() {
			out = append(out, e)
		}
	}
	return out
}

// jsonView prints each look at the rollout that differs from the one before as one line.
type jsonView struct {
	w    io.Writer
	last string
}

func (v *jsonView) show(l look) error {
	if l.err != nil || string(l.rollout.raw) == v.last {
		return nil
	}
	v.last = string(l.rollout.raw)
	_, err := fmt.Fprintln(v.w, v.last)
	return err
}

// lineView prints what changed as lines, for logs and pipelines, and with every how things are from time to time.
type lineView struct {
	screen screen
	every  time.Duration // 0: only what changed

	said  string
	told  time.Time
	quiet bool // the API could not be reached, and that was said
}

func (v *lineView) show(l look) error {
	var errs []error
	line := func(at time.Time, colour, format string, args ...any) {
		_, err := fmt.Fprintf(v.screen.w, "%s  %s\n", at.Local().Format(time.TimeOnly), v.screen.paint(colour, fmt.Sprintf(format, args...)))
		errs = append(errs, err)
	}
	if l.err != nil {
		if !v.quiet {
			line(l.at, yellow, "%v; trying again", l.err)
		}
		v.quiet = true
		return errors.Join(errs...)
	}
	v.quiet = false
	for _, e := range l.events {
		line(e.Time, eventColour(e.Type), "%-9s %s", e.Type, e.Message)
	}
	now := changing(l.rollout)
	if now != v.said || v.every > 0 && l.at.Sub(v.told) >= v.every {
		line(l.at, phaseColour(l.rollout.Phase), "%s%s", standing(l.rollout), v.rates(l))
		v.said, v.told = now, l.at
	}
	return errors.Join(errs...)
}

// changing is what makes a new line worth while.
func changing(a *rolloutAnswer) string {
	return fmt.Sprint(a.ID, a.Phase, a.Stage, a.Weight, a.Gate, a.Waiting)
}

func (v *lineView) rates(l look) string {
	if l.service == nil {
		return ""
	}
	for _, version := range l.service.Versions {
		if version.Name == l.rollout.Canary {
			return fmt.Sprintf("; %s %.1f/s, errors %.2f%%, p99 %s", version.Name, version.RPS, version.ErrorRate*100, millis(version.P99ms))
		}
	}
	return ""
}

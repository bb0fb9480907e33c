package main

import (
	"context"
	"errors"
	"fmt"
)

// lifetimes runs the parts of a process and stops them in the reverse order of
// their start, each awaited before the next is told. The zero value is ready.
type lifetimes struct {
	parts []part
	ended chan error
}

type part struct {
	name   string
	cancel context.CancelFunc
	done   chan error
}

// start runs a part in a goroutine of its own.
func (l *lifetimes) start(ctx context.Context, name string, run func(context.Context) error) {
	if l.ended == nil {
		l.ended = make(chan error, 16)
	}
	ctx, cancel := context.WithCancel(ctx)
	p := part{name: name, cancel: cancel, done: make(chan error, 1)}
	l.parts = append(l.parts, p)
	go func() {
		err := run(ctx)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		} else if ctx.Err() == nil {
			err = fmt.Errorf("%s: ended unexpectedly", name)
		}
		p.done <- err
		if ctx.Err() == nil {
			l.ended <- err
		}
	}()
}

// wait blocks until ctx ends (nil) or a part ends by itself (why).
func (l *lifetimes) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-l.ended:
		return err
	}
}

// stop ends the parts, the last started first, and returns what they say.
func (l *lifetimes) stop() error {
	var all []error
	for i := len(l.parts) - 1; i >= 0; i-- {
		l.parts[i].cancel()
		if err := <-l.parts[i].done; err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

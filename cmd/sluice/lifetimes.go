package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// lifetimes runs the parts of a process and stops them in the reverse order of
// their start, each awaited before the next is told. The zero value is ready.
type lifetimes struct {
	parts []part
	ended chan error
}

type part struct {
	name   string
	run    func(context.Context) error
	cancel context.CancelFunc
	done   chan error // nil: halted
}

// start runs a part in a goroutine of its own.
func (l *lifetimes) start(ctx context.Context, name string, run func(context.Context) error) {
	if l.ended == nil {
		l.ended = make(chan error, 16)
	}
	l.parts = append(l.parts, part{name: name, run: run})
	l.begin(ctx, &l.parts[len(l.parts)-1])
}

func (l *lifetimes) begin(ctx context.Context, p *part) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	p.cancel, p.done = cancel, done
	name, run := p.name, p.run
	go func() {
		err := run(ctx)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		} else if ctx.Err() == nil {
			err = fmt.Errorf("%s: ended unexpectedly", name)
		}
		done <- err
		if ctx.Err() == nil {
			l.ended <- err
		}
	}()
}

// halt stops the parts of a name alone, and returns what they say.
func (l *lifetimes) halt(name string) error {
	var all []error
	for i := range l.parts {
		if l.parts[i].name == name {
			all = append(all, l.parts[i].end())
		}
	}
	return errors.Join(all...)
}

// revive starts parts again that were halted, in the order of their start.
func (l *lifetimes) revive(ctx context.Context, names ...string) {
	for i := range l.parts {
		if p := &l.parts[i]; p.done == nil && slices.Contains(names, p.name) {
			l.begin(ctx, p)
		}
	}
}

// end stops a part and waits for it, unless that is done.
func (p *part) end() error {
	if p.done == nil {
		return nil
	}
	p.cancel()
	err := <-p.done
	p.done = nil
	return err
}

// stop ends the parts, the last started first, and returns what they say.
func (l *lifetimes) stop() error {
	var all []error
	for i := len(l.parts) - 1; i >= 0; i-- {
		all = append(all, l.parts[i].end())
	}
	return errors.Join(all...)
}

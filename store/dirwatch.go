package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strings"
)

// Watch implements Store. It sees at once what is changed by way of this Dir; what others
// do to the files it sees when the key is next used.
func (d *Dir) Watch(ctx context.Context, prefix string, after Revision) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		w := watch{Dir: d, prefix: prefix}
		err := w.begin(ctx, after)
		for err == nil {
			var c *Change
			changed := d.change()
			if c, err = w.next(ctx); err != nil {
				break
			}
			if c != nil {
				if !yield(*c, nil) {
					return
				}
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
		if ctx.Err() == nil {
			yield(Change{}, fmt.Errorf("watch %q: %w", prefix, err))
		}
	}
}

// watch is where one watch stands.
type watch struct {
	*Dir
	prefix string
	at     uint64 // the last change seen
	fresh  uint64 // what went before this one is not told
}

// begin finds where to go on from. From the start, all files are looked at once.
func (w *watch) begin(ctx context.Context, after Revision) error {
	if err := w.take(ctx); err != nil {
		return err
	}
	defer w.pass()
	var known bool
	if w.at, known = w.seqOf(after); !known {
		return ErrCompacted
	}
	if after != "" {
		return nil
	}
	files, err := os.ReadDir(w.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range files {
		if f.Type().IsRegular() && CheckKey(f.Name()) == nil {
			if _, err := w.look(f.Name()); err != nil {
				return err
			}
		}
	}
	w.fresh = w.seq
	return nil
}

// next is the oldest of the newest changes of all keys that was not seen; nil: there is none.
func (w *watch) next(ctx context.Context) (*Change, error) {
	if err := w.take(ctx); err != nil {
		return nil, err
	}
	defer w.pass()
	for {
		key := w.oldest()
		if key == "" {
			return nil, nil
		}
		known := w.entries[key]
		value, e, err := w.read(key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if e.seq != known.seq { // changed by others since: its turn comes later
			continue
		}
		w.at = e.seq
		return &Change{Key: key, Value: value, Gone: e.file == nil, Revision: w.position(e.seq)}, nil
	}
}

func (w *watch) oldest() (key string) {
	for k, e := range w.entries {
		unseen := e.seq > w.at && (e.file != nil || e.seq > w.fresh)
		if unseen && strings.HasPrefix(k, w.prefix) && (key == "" || e.seq < w.entries[key].seq) {
			key = k
		}
	}
	return key
}

// change returns a channel that is closed at the next change.
func (d *Dir) change() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

func (d *Dir) tell() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.changed)
	d.changed = make(chan struct{})
}

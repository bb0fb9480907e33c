package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"sluice/internal/backend"
)

// The actors below change something again and again until ctx ends, and put it right before they
// return. They speak to sluice under background contexts, so that nothing is left half done.

var background = context.Background()

// reload writes the configuration anew; every fifth is bad and must change nothing.
func (w *world) reload(ctx context.Context) error {
	return every(ctx, 250*time.Millisecond, func(int) error {
		w.form++
		text, result, counted := w.services(w.form), "success", &w.seen.reloads
		if w.form%5 == 0 {
			text, result, counted = "  - name: nothing\n", "failure", &w.seen.refused
		}
		before, err := w.sluice.Scrape(background)
		if err != nil {
			return err
		}
		if err := w.sluice.Write(text); err != nil {
			return err
		}
		w.seen.count(counted)
		sample := fmt.Sprintf("sluice_config_reloads_total{result=%q}", result)
		return w.sluice.Until("a reload's "+result, 10*time.Second, func() bool {
			now, err := w.sluice.Scrape(background)
			return err == nil && now[sample] > before[sample]
		})
	})
}

// move changes weights as an operator does.
func (w *world) move(ctx context.Context) error {
	return every(ctx, 100*time.Millisecond, func(n int) error {
		share := float64(n * 7 % 101)
		w.seen.count(&w.seen.moves)
		return w.sluice.API(background, "PUT", "/api/v1/services/moved/weights",
			map[string]any{"weights": map[string]float64{"v1": 100 - share, "v2": share}}, nil)
	})
}

// roll starts one rollout after the other: aborted at once, paused and aborted, promoted and
// undone, and one whose canary fails entirely. The shield hides the last from users.
func (w *world) roll(ctx context.Context) error {
	return every(ctx, 200*time.Millisecond, func(n int) error {
		w.seen.count(&w.seen.rollouts)
		if err := w.order("start"); err != nil {
			return err
		}
		switch n % 4 {
		case 0:
			return w.order("abort")
		case 1:
			if err := w.until("running", "promoting"); err != nil {
				return err
			}
			return w.orders("pause", "resume", "pause", "abort")
		case 2:
			if err := w.until("promoted"); err != nil {
				return err
			}
			return w.order("undo")
		}
		return w.spoil(ctx)
	})
}

// spoil lets the canary fail until it is cut, and then recover. When ctx ends the load has ended, and with
// nobody to fail for the canary is not cut any more.
func (w *world) spoil(ctx context.Context) error {
	w.fresh.Set(backend.Behaviour{FailShare: 1})
	err := w.sluice.Until("the canary is cut", 15*time.Second, func() bool { return ctx.Err() != nil || w.state("rolled", "v2") != "active" })
	w.fresh.Set(backend.Behaviour{})
	if err != nil {
		return err
	}
	var now struct{ Phase string }
	if err := w.sluice.API(background, "GET", "/api/v1/services/rolled/rollout", nil, &now); err != nil {
		return err
	}
	switch now.Phase {
	case "rolled_back":
	case "promoted":
		if err := w.order("undo"); err != nil {
			return err
		}
	default:
		_ = w.order("abort") // it may have been rolled back meanwhile
	}
	return w.sluice.API(background, "PUT", "/api/v1/services/rolled/versions/v2/state", map[string]string{"state": "active"}, nil)
}

func (w *world) state(service, version string) string {
	var s struct {
		Versions []struct{ Name, State string }
	}
	if w.sluice.API(background, "GET", "/api/v1/services/"+service, nil, &s) != nil {
		return ""
	}
	for _, v := range s.Versions {
		if v.Name == version {
			return v.State
		}
	}
	return ""
}

func (w *world) order(action string) error {
	return w.sluice.API(background, "POST", "/api/v1/services/rolled/rollout", map[string]string{"action": action, "reason": "soak"}, nil)
}

func (w *world) orders(actions ...string) error {
	for _, a := range actions {
		if err := w.order(a); err != nil {
			return err
		}
	}
	return nil
}

// until waits for one of the phases.
func (w *world) until(phases ...string) error {
	return w.sluice.Until(fmt.Sprintf("a rollout that is %q", phases), 30*time.Second, func() bool {
		var now struct{ Phase string }
		if w.sluice.API(background, "GET", "/api/v1/services/rolled/rollout", nil, &now) != nil {
			return false
		}
		for _, p := range phases {
			if now.Phase == p {
				return true
			}
		}
		return false
	})
}

// hurtMirror makes the mirror's target fail, hang, break off and recover.
func (w *world) hurtMirror(ctx context.Context) error {
	defer w.target.Set(backend.Behaviour{})
	states := []backend.Behaviour{{Hang: true}, {FailShare: 1}, {CloseConn: true}, {Delay: 30 * time.Millisecond}, {}}
	return every(ctx, 400*time.Millisecond, func(n int) error {
		w.seen.count(&w.seen.switching)
		w.target.Set(states[n%len(states)])
		return nil
	})
}

// kill ends one of three backends, and brings it back at its address, before it ends the next.
func (w *world) kill(ctx context.Context) error {
	return every(ctx, 600*time.Millisecond, func(n int) error {
		i := n % len(w.mortals)
		victim := w.mortals[i]
		address, name := victim.Addr(), victim.Name()
		victim.Close()
		w.seen.count(&w.seen.deaths)
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
		next, err := backend.Start(backend.Options{Name: name, Address: address})
		if err != nil {
			return err
		}
		w.mortals[i] = next
		return nil
	})
}

// experiment injects faults, for users to see, and waits until they have ended.
func (w *world) experiment(ctx context.Context) error {
	return every(ctx, time.Second, func(int) error {
		w.seen.count(&w.seen.suffered)
		err := w.sluice.API(background, "POST", "/api/v1/services/faulty/faults", map[string]any{
			"name": "soak", "version": "v1", "percent": 20, "duration": "1s", "abort": 503, "traffic": "all"}, nil)
		if err != nil {
			return err
		}
		return w.sluice.Until("the experiment's end", 10*time.Second, func() bool {
			var now struct{ Running []any }
			return w.sluice.API(background, "GET", "/api/v1/services/faulty/faults", nil, &now) == nil && len(now.Running) == 0
		})
	})
}

// tunnel keeps eight tunnels busy, each for a second or so, and checks every byte.
func (w *world) tunnel(ctx context.Context) error {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_ = every(ctx, 50*time.Millisecond, func(int) error { // never fails: what goes wrong is counted
				w.seen.count(&w.seen.tunnels)
				if err := w.oneTunnel(ctx); err != nil {
					w.seen.mu.Lock()
					w.seen.garbled++
					if w.seen.first["tunnelled"] == "" {
						w.seen.first["tunnelled"] = err.Error()
					}
					w.seen.mu.Unlock()
				}
				return nil
			})
		})
	}
	all.Wait()
	return nil
}

func (w *world) oneTunnel(ctx context.Context) error {
	conn, err := net.Dial("tcp", w.sluice.Listen)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	br, err := openTunnel(conn)
	if err != nil {
		return err
	}
	for range 10 {
		if err := echoed(conn, br); err != nil {
			return err
		}
		w.seen.count(&w.seen.echoes)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

func openTunnel(conn net.Conn) (*bufio.Reader, error) {
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: tunnelled\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"); err != nil {
		return nil, err
	}
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	return br, nil
}

// echoed sends random bytes and wants the same back.
func echoed(conn net.Conn, br *bufio.Reader) error {
	sent, got := make([]byte, 4000), make([]byte, 4000)
	_, _ = rand.Read(sent) // never fails
	if _, err := conn.Write(sent); err != nil {
		return err
	}
	if _, err := io.ReadFull(br, got); err != nil {
		return err
	}
	if !bytes.Equal(sent, got) {
		return fmt.Errorf("other bytes came back")
	}
	return nil
}

// watchMemory notes the resident memory ten times a second.
func (w *world) watchMemory(ctx context.Context) error {
	var all []int64
	err := every(ctx, 100*time.Millisecond, func(int) error {
		in, err := w.sluice.Resources()
		all = append(all, in.Resident)
		return err
	})
	w.busy = append(w.busy, all)
	return err
}

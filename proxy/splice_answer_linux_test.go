package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/router"
	"sluice/upstream"
)

// pipesAre is how many pipes the server has, and how many of them are idle.
func (w *world) pipesAre() (open, idle int) {
	ps := &w.server.pipes
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.open, len(ps.idle)
}

func (w *world) wantNoPipeInUse() {
	w.t.Helper()
	await(w.t, "no pipe is in use", func() bool { open, idle := w.pipesAre(); return open == idle })
}

// long answers with body, in pieces between which it waits for next.
func long(t *testing.T, body []byte, next <-chan struct{}, pieces ...int) *origin {
	return newOrigin(t, func(r *originRequest) bool {
		r.write("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body))
		rest := body
		for _, n := range pieces {
			if _, err := r.conn.Write(rest[:n]); err != nil {
				return false
			}
			rest = rest[n:]
			if _, ok := <-next; !ok {
				return false
			}
		}
		_, err := r.conn.Write(rest)
		return err == nil
	})
}

func TestLongAnswerIsSplicedWhole(t *testing.T) {
	const size = 5<<20 + 17
	body, next := noise(size), make(chan struct{})
	pieces := []int{0, 1, 3 << 20, 100, 70_000}
	w := start(t, single(long(t, body, next, pieces...)), Settings{})
	c := w.dial()
	for range 2 { // on the same connections
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		a, err := http.ReadResponse(c.br, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, size)
		at := 0
		for _, n := range pieces {
			if _, err := io.ReadFull(a.Body, got[at:at+n]); err != nil {
				t.Fatalf("after %d bytes: %v", at, err)
			}
			at += n
			w.wantNoPipeInUse() // nothing is left to move: the upstream is waited for without one
			next <- struct{}{}
		}
		if _, err := io.ReadFull(a.Body, got[at:]); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("other bytes than those sent, %v", err)
		}
	}
	w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.Success: 2})
	if open, _ := w.pipesAre(); open == 0 {
		t.Error("no pipe was used")
	}
	w.stop()
	if open, idle := w.pipesAre(); open+idle != 0 {
		t.Errorf("%d pipes are open, %d idle, after the end of Run", open, idle)
	}
}

// A long answer that ends early, or stops, resets the client's connection, and counts.
func TestLongAnswerThatBreaks(t *testing.T) {
	for _, tt := range []struct {
		name, more string
		breaks     bool
		after      int
	}{
		{"early end", "", true, 1 << 20},
		{"early end before anything is spliced", "", true, 0},
		{"silence", `{"Timeouts":{"Idle":50000000,"Response":1000000000,"Connect":1000000000}}`, false, 1 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next := make(chan struct{})
			sv := single(long(t, noise(2<<20), next, tt.after))
			sv.more = tt.more
			w := start(t, sv, Settings{})
			c := w.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			a, err := http.ReadResponse(c.br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(a.Body, make([]byte, tt.after)); err != nil {
				t.Fatal(err)
			}
			if tt.breaks {
				close(next)
			} else {
				defer close(next)
			}
			if n, err := io.Copy(io.Discard, a.Body); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%d bytes more, %v; want a reset", n, err)
			}
			w.allIdle()
			w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.Reset: 1})
			w.wantNoPipeInUse()
		})
	}
}

// A client that leaves in the middle of a long answer frees the upstream and is no fault of it:
// while the upstream is silent, and while it has more than the client takes.
func TestLongAnswerToClientThatLeaves(t *testing.T) {
	t.Run("silent upstream", func(t *testing.T) {
		next := make(chan struct{})
		defer close(next)
		w := start(t, single(long(t, noise(2<<20), next, 1<<20)), Settings{})
		leaveAfter(t, w, 1<<20)
	})
	t.Run("busy upstream", func(t *testing.T) {
		o, stopped := flood(t, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
		w := start(t, single(o), Settings{})
		leaveAfter(t, w, 1<<20)
		within(t, "the upstream is let go", stopped)
	})
}

func leaveAfter(t *testing.T, w *world, n int64) {
	t.Helper()
	c := w.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	a, err := http.ReadResponse(c.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, a.Body, n); err != nil {
		t.Fatal(err)
	}
	c.Close()
	w.allIdle()
	w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.ClientGone: 1})
	w.wantNoPipeInUse()
}

// A client that stops reading is cut off, and the pipe it held is closed: there are bytes in it.
func TestLongAnswerToClientThatStopsReading(t *testing.T) {
	o, stopped := flood(t, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
	w := start(t, single(o), Settings{WriteTimeout: 50 * time.Millisecond})
	w.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	within(t, "the upstream is let go", stopped)
	w.allIdle()
	w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.ClientGone: 1})
	if open, _ := w.pipesAre(); open != 0 {
		t.Errorf("%d pipes are open", open)
	}
}

// Where no pipe can be had, long answers are copied.
func TestLongAnswerWithoutPipes(t *testing.T) {
	body, next := noise(1<<20), make(chan struct{}, 1)
	for _, tt := range []struct {
		name string
		take func(t *testing.T, w *world) (giveBack func())
	}{
		{"no descriptors left", func(t *testing.T, _ *world) func() { return withoutDescriptors(t) }},
		{"all in use", func(t *testing.T, w *world) func() {
			ps := &w.server.pipes
			var all []pipe
			for p, ok := ps.take(); ok; p, ok = ps.take() {
				all = append(all, p)
			}
			if len(all) != maxPipes {
				t.Errorf("%d pipes could be had, want %d", len(all), maxPipes)
			}
			return func() {
				for _, p := range all {
					ps.put(p, true)
				}
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := start(t, single(long(t, body, next, 100)), Settings{})
			c := w.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			a, err := http.ReadResponse(c.br, nil)
			if err != nil {
				t.Fatal(err)
			}
			w.wantNoPipeInUse()
			w.server.pipes.close()
			giveBack := tt.take(t, w)
			next <- struct{}{}
			got, err := io.ReadAll(a.Body)
			giveBack()
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
			w.allIdle()
			w.wantRecorded("v1", map[analysis.Outcome]uint64{analysis.Success: 1})
			if _, idle := w.pipesAre(); idle > idlePipes {
				t.Errorf("%d pipes are kept", idle)
			}
		})
	}
}

// Bytes that were taken from the upstream and not by the client are not counted as sent.
func TestSpliceCountsWhatTheClientTook(t *testing.T) {
	pair := func() (near, far net.Conn) {
		ln := opened(t, false)
		far = mustDial(t, ln.Addr().String())
		near, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { near.Close() })
		return near, far
	}
	fromUpstream, upstreamEnd := pair()
	toClient, clientEnd := pair()
	go func() { _, _ = io.Copy(upstreamEnd, endless{}) }() // until it is closed
	var s Server
	x := &exchange{svc: new(router.Service), c: &clientConn{Conn: toClient, accepted: toClient, server: &s}}
	x.c.out = sink{conn: toClient, timeout: int64(50 * time.Millisecond)}
	x.deliver.framing = fixedBody
	x.try = try{conn: &upstream.Conn{Conn: fromUpstream}, src: source{conn: fromUpstream}, finished: true}
	x.answer = body{src: &x.try.src, kind: fixedBody, left: 1 << 40}
	if err := x.splice(); err != errNotTaken {
		t.Fatalf("splice: %v, want %v", err, errNotTaken)
	}
	toClient.Close()
	if got, err := io.Copy(io.Discard, clientEnd); err != nil || got != x.bytes {
		t.Errorf("the client got %d bytes, %v; counted are %d", got, err, x.bytes)
	}
	s.pipes.close()
}

// endless is read for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

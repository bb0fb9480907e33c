package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// shop is one instance of a version as the examples have it: /health, /api/version, an
// echo by WebSocket at /ws, and goods at all other paths.
type shop struct {
	*httptest.Server
	release  string
	sold     atomic.Uint64 // requests for goods
	last     atomic.Int64  // when the last of them came, Unix nanoseconds
	sick     atomic.Bool   // /health fails
	failing  atomic.Uint64 // every so many-th request for goods fails; 0: none
	share    atomic.Uint64 // of requests for goods that fail by chance, in thousandths
	sell     atomic.Pointer[http.HandlerFunc]
	copies   atomic.Uint64 // of sold, those that a mirror sent
	previews atomic.Uint64 // of sold, those that asked for a preview
}

func startShop(t testing.TB, release string) *shop {
	t.Helper()
	s := &shop{release: release}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.CloseClientConnections() // WebSockets are not the server's to close
		s.Close()
	})
	return s
}

func (s *shop) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/health":
		if s.sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	case "/api/version":
		fmt.Fprint(w, s.release)
	case "/ws":
		s.echo(w, r)
	default:
		s.goods(w, r)
	}
}

// failOf lets a share of the requests for goods fail by chance, 0..1.
func (s *shop) failOf(share float64) { s.share.Store(uint64(1000 * share)) }

func (s *shop) goods(w http.ResponseWriter, r *http.Request) {
	n := s.sold.Add(1)
	s.last.Store(time.Now().UnixNano())
	if r.Header.Get("X-Sluice-Mirror") == "1" {
		s.copies.Add(1)
	}
	if r.Header.Get("X-Preview") != "" {
		s.previews.Add(1)
	}
	w.Header().Set("X-Release", s.release)
	if share := s.share.Load(); rand.Uint64N(1000) < share {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if every := s.failing.Load(); every > 0 && n%every == 0 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if sell := s.sell.Load(); sell != nil {
		(*sell)(w, r)
		return
	}
	fmt.Fprintln(w, "sold")
}

func (s *shop) echo(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // the client sees it
	}
	defer func() { _ = conn.CloseNow() }()
	for {
		kind, text, err := conn.Read(r.Context())
		if err != nil || conn.Write(r.Context(), kind, text) != nil {
			return
		}
	}
}

// dialogues are WebSockets that talk all the while.
type dialogues struct {
	said  atomic.Uint64
	broke atomic.Pointer[string]
	stop  func()
}

// openDialogues opens n WebSockets to shop, each of which says something 20 times a second.
func openDialogues(t testing.TB, p *process, n int) *dialogues {
	t.Helper()
	d := &dialogues{}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	d.stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	t.Cleanup(d.stop)
	for range n {
		conn, _, err := websocket.Dial(ctx, strings.Replace(p.url("/ws"), "http", "ws", 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			defer func() { _ = conn.CloseNow() }()
			if err := d.talk(ctx, conn); err != nil && ctx.Err() == nil {
				text := err.Error()
				d.broke.Store(&text)
			}
		})
	}
	return d
}

func (d *dialogues) talk(ctx context.Context, conn *websocket.Conn) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		want := fmt.Sprint("line ", i)
		if err := conn.Write(ctx, websocket.MessageText, []byte(want)); err != nil {
			return err
		}
		if _, got, err := conn.Read(ctx); err != nil || string(got) != want {
			return fmt.Errorf("got %q, want %q: %w", got, want, err)
		}
		d.said.Add(1)
	}
}

// wantWhole ends the dialogues and wants none to have broken.
func (d *dialogues) wantWhole(t testing.TB) {
	t.Helper()
	d.stop()
	if broke := d.broke.Load(); broke != nil || d.said.Load() < 100 {
		t.Errorf("WebSockets said %d lines; broken: %v", d.said.Load(), broke)
	}
}

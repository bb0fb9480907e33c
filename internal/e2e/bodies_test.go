package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const gib = 1 << 30

// residentPeak is the process's highest resident memory so far, in bytes (VmHWM).
func (p *process) residentPeak() int64 {
	p.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return kib << 10
		}
	}
	p.t.Fatal("no VmHWM in /proc/PID/status")
	return 0
}

// zeros reads as n zero bytes.
func zeros(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }

type zeroReader struct{}

func (zeroReader) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// 1 GiB up and down, with Content-Length and chunked, in less than 64 MiB.
func TestGigabyteBodiesInBoundedMemory(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	var received atomic.Int64
	v1.does(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		received.Add(n)
		if r.Method == http.MethodGet {
			if r.URL.Query().Has("length") {
				w.Header().Set("Content-Length", strconv.Itoa(gib))
			}
			_, _ = io.Copy(w, zeros(gib)) // the client counts
		}
	})
	p := boot(t, twoVersions(v1.URL, v2.URL, 100, 0, ""))
	c := client(t, 1)
	for _, tt := range []struct{ method, query string }{
		{"GET", "?length"}, {"GET", ""}, {"POST", "?length"}, {"POST", ""},
	} {
		req, err := http.NewRequest(tt.method, p.url("/"+tt.query), nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.method == http.MethodPost {
			req.Body = io.NopCloser(zeros(gib))
			req.ContentLength = -1
			if tt.query != "" {
				req.ContentLength = gib
			}
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatalf("%s %s: %v", tt.method, tt.query, err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: status %d after %d bytes: %v", tt.method, tt.query, resp.StatusCode, n, err)
		}
		if tt.method == http.MethodGet && n != gib {
			t.Errorf("GET %s: got %d bytes, want %d", tt.query, n, gib)
		}
	}
	if got := received.Load(); got != 2*gib {
		t.Errorf("bytes received by the origin: got %d, want %d", got, 2*gib)
	}
	peak := p.residentPeak()
	t.Logf("peak resident memory %d MiB", peak>>20)
	if peak > 64<<20 {
		t.Errorf("peak resident memory: got %d MiB, want less than 64", peak>>20)
	}
}

// A client that reads slowly slows its upstream, not sluice's memory.
func TestSlowReaderSlowsItsUpstream(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	var sent atomic.Int64
	v1.does(func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 1<<20)
		for range 1 << 10 {
			if _, err := w.Write(piece); err != nil {
				return
			}
			sent.Add(int64(len(piece)))
		}
	})
	p := boot(t, twoVersions(v1.URL, v2.URL, 100, 0, ""))
	conn, err := net.Dial("tcp", p.listen)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	// The origin stalls once the sockets' buffers are full.
	last := int64(-1)
	p.until("origin stalls", func() bool {
		now := sent.Load()
		stalled := now == last && now > 0
		last = now
		time.Sleep(200 * time.Millisecond) // the time in which nothing may move
		return stalled
	})
	if got := sent.Load(); got > 64<<20 {
		t.Errorf("the origin sent %d MiB to a client that reads nothing", got>>20)
	}
	if peak := p.residentPeak(); peak > 64<<20 {
		t.Errorf("peak resident memory: got %d MiB, want less than 64", peak>>20)
	}
}

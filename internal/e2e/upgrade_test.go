package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

const plainShop = `services:
  - name: shop
    stable: v1
    versions:
      - {name: v1, weight: 100, endpoints: [%q]}
      - {name: v2, weight: 0, endpoints: [%q]}
`

// bothBy is the shop's configuration before two servers with one handler.
func bothBy(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	one, two := httptest.NewServer(h), httptest.NewServer(h)
	t.Cleanup(one.Close)
	t.Cleanup(two.Close)
	return fmt.Sprintf(plainShop, one.URL, two.URL)
}

// load is clients that ask as fast as they are answered. Whatever is not a whole 200 is a failure.
type load struct {
	requests, failures, reconnects atomic.Int64
	first                          atomic.Pointer[string] // what the first failure was
	clients                        sync.WaitGroup
	stop                           context.CancelFunc
}

func (l *load) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.first.CompareAndSwap(nil, &text)
	l.failures.Add(1)
}

// press begins n clients that keep their connection for as long as they are let, and one that makes a new one each time.
func press(t *testing.T, address string, n int) *load {
	t.Helper()
	l := &load{}
	ctx, stop := context.WithCancel(t.Context())
	l.stop = stop
	for i := range n {
		l.clients.Go(func() {
			for ctx.Err() == nil {
				l.keepAlive(ctx, address, i%2 == 1)
				l.reconnects.Add(1)
			}
		})
	}
	l.clients.Go(func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for ctx.Err() == nil {
			resp, err := client.Get("http://" + address + "/new")
			if err != nil {
				l.fail("new connection: %v", err)
				continue
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != 200 || string(body) != "GET /new " {
				l.fail("new connection: %d %q %v", resp.StatusCode, body, err)
			}
			l.requests.Add(1)
		}
	})
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	l.stop()
	l.clients.Wait()
}

// keepAlive asks on one connection until an answer says that it closes. No request is
// ever tried again: one that gets no answer has failed.
func (l *load) keepAlive(ctx context.Context, address string, post bool) {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		l.fail("connect: %v", err)
		return
	}
	defer nc.Close()
	br := bufio.NewReader(nc)
	request, want, method := "GET /kept HTTP/1.1\r\nHost: shop.test\r\n\r\n", "GET /kept ", "GET"
	if post {
		request, want, method = "POST /kept HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\n\r\nhello", "POST /kept hello", "POST"
	}
	for ctx.Err() == nil {
		if _, err := io.WriteString(nc, request); err != nil {
			l.fail("%s: %v", method, err)
			return
		}
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			l.fail("%s: no answer: %v", method, err)
			return
		}
		body, err := io.ReadAll(resp.Body)
		l.requests.Add(1)
		if err != nil || resp.StatusCode != 200 || string(body) != want {
			l.fail("%s: %d %q %v", method, resp.StatusCode, body, err)
			return
		}
		if resp.Close {
			return
		}
	}
}

func parrot(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
}

// Twenty upgrades under load: no request fails, whatever the client; each decision made before an
// upgrade is in force after it; every process that was replaced ends well.
func TestUpgradesUnderLoad(t *testing.T) {
	l := found(t, "10s", bothBy(t, parrot))
	l.start()
	clients := press(t, l.listen, 8)
	pids := []int{l.pid()}
	for i := range 20 {
		l.weigh(i + 1)
		before := clients.requests.Load()
		_, after := l.upgrade()
		pids = append(pids, after)
		l.weighs(float64(i + 1))
		l.until("answering", func() bool { return clients.requests.Load() > before+100 })
	}
	l.exited(pids[:20]...)
	clients.end()
	l.end(pids[20])
	t.Logf("%d upgrades, %d requests, %d connections closed for an upgrade, %d failed", len(pids)-1, clients.requests.Load(), clients.reconnects.Load(), clients.failures.Load())
	if n := clients.failures.Load(); n > 0 {
		t.Errorf("%d of %d requests failed, the first: %s", n, clients.requests.Load(), *clients.first.Load())
	}
}

// What is under way when an upgrade comes ends where it began, a tunnel too.
func TestUpgradeLetsWhatIsUnderWayEnd(t *testing.T) {
	release := make(chan struct{})
	l := found(t, "20s", bothBy(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			nc, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			fmt.Fprint(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			_, _ = io.Copy(nc, rw)
			return
		}
		fmt.Fprint(w, "first half, ")
		_ = http.NewResponseController(w).Flush()
		<-release
		fmt.Fprint(w, "second half")
	}))
	l.start()
	resp, err := http.Get("http://" + l.listen + "/slow")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	nc, err := net.Dial("tcp", l.listen)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprint(nc, "GET /t HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	br := bufio.NewReader(nc)
	if up, err := http.ReadResponse(br, nil); err != nil || up.StatusCode != 101 {
		t.Fatalf("%v %v", up, err)
	}
	old, young := l.upgrade()
	close(release)
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "first half, second half" {
		t.Errorf("got %q, %v", body, err)
	}
	fmt.Fprint(nc, "still there?\n")
	if line, err := br.ReadString('\n'); err != nil || line != "still there?\n" {
		t.Errorf("through the tunnel: %q, %v", line, err)
	}
	nc.Close()
	l.exited(old)
	l.end(young)
}

// A successor that fails, wherever, leaves the old process in charge of everything: sockets, API, state.
func TestUpgradeThatFails(t *testing.T) {
	services := bothBy(t, parrot)
	l := found(t, "1s", services)
	l.start()
	clients := press(t, l.listen, 4)
	script := func(text string) func() {
		return func() { l.replace(l.bin, []byte("#!/bin/sh\n"+text+"\n"), 0o755) }
	}
	for i, attempt := range []struct {
		name, why string
		prepare   func()
	}{
		{"bad configuration", "exit status 1", func() { l.configure("1s", "services: []\n") }},
		{"no binary", "no such file", func() { l.configure("1s", services); l.replace(l.bin, nil, 0o755); removeFile(t, l.bin) }},
		{"not a program", "exec format error", func() { l.replace(l.bin, []byte("\x7fELF"), 0o755) }},
		{"dies at once", "exit status 7", script("exit 7")},
		{"says nonsense", `said \"hello`, script("echo hello >&3; sleep 60")},
		{"dies with the state", "exit status 3", script("echo ready >&3; read word <&3; [ $word = state ] && exit 3")},
		{"a real one that finds its socket taken", "exit status 1", func() {
			taken, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { taken.Close() })
			l.install(sluiceBinary(t))
			l.replace(l.config, []byte(strings.Replace(fmt.Sprintf("listeners: [{address: %q}, {address: %q}]\nadmin: {address: %q}\nstate: {dir: %q}\naccess_log: {path: off}\n%s",
				l.listen, taken.Addr(), l.admin, l.dir+"/state", services), "\x00", "", -1)), 0o600)
		}},
	} {
		t.Run(attempt.name, func(t *testing.T) {
			l := l.in(t)
			attempt.prepare()
			pid := l.pid()
			l.signal(syscall.SIGUSR2)
			l.until("failed", func() bool { return l.failedUpgrades() == i+1 })
			logs := l.logs()
			if at := strings.LastIndex(logs, "upgrade failed"); !strings.Contains(logs[at:], attempt.why) {
				t.Errorf("the log says %s, want %q", logs[at:], attempt.why)
			}
			l.until("in charge of the API", func() bool { return l.api("GET", "/readyz", nil, nil) == 200 })
			l.weigh(i + 1)
			l.weighs(float64(i + 1))
			if l.pid() != pid {
				t.Error("another process serves")
			}
		})
	}
	l.install(sluiceBinary(t))
	l.configure("1s", services)
	old, young := l.upgrade()
	l.weighs(7)
	l.exited(old)
	clients.end()
	if n := clients.failures.Load(); n > 0 {
		t.Errorf("%d of %d requests failed, the first: %s", n, clients.requests.Load(), *clients.first.Load())
	}
	l.end(young)
}

// A shutdown in the middle of an upgrade, the state given away, ends both.
func TestShutdownDuringAnUpgrade(t *testing.T) {
	l := found(t, "1s", bothBy(t, parrot))
	l.start()
	l.replace(l.bin, []byte("#!/bin/sh\necho ready >&3; read word <&3; echo got $word from me, $$; read word <&3\n"), 0o755)
	l.signal(syscall.SIGUSR2)
	l.until("given away", func() bool { return strings.Contains(l.logs(), "got state from me, ") })
	_, rest, _ := strings.Cut(l.logs(), "got state from me, ")
	var successor int
	if _, err := fmt.Sscan(rest, &successor); err != nil {
		t.Fatal(err)
	}
	l.end(l.first.Process.Pid)
	if err := syscall.Kill(successor, 0); err != syscall.ESRCH {
		t.Errorf("the successor lives: %v", err)
	}
}

func removeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

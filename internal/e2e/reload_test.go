package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// 200 reloads under load, each awaited by the reload counter, with open
// WebSockets and long downloads: nothing fails, nothing breaks, counts go on.
func TestReloadsUnderLoad(t *testing.T) {
	const reloads = 200
	v1, v2 := startOrigin(t), startOrigin(t)
	const toV1 = "    rules: [{name: long, when: {headers: {X-Long: {present: true}}}, to: v1}]\n"
	p := boot(t, twoVersions(v1.URL, v2.URL, 90, 10, toV1+"    timeouts: {idle: 5m}\n"))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	sockets := make([]*websocket.Conn, 4)
	for i := range sockets {
		conn, _, err := websocket.Dial(ctx, "ws://"+p.listen+"/websocket/echo", nil)
		if err != nil {
			t.Fatalf("websocket: %v", err)
		}
		defer conn.CloseNow()
		sockets[i] = conn
	}
	downloads := startDownloads(t, p, v1, 4)
	load := startPace(t, p, 400, "/get")

	for i := range reloads {
		p.write(twoVersions(v1.URL, v2.URL, 90, 10, toV1+fmt.Sprintf("    timeouts: {response: %ds, idle: 5m}\n", 5+i%2)))
		p.signal(syscall.SIGHUP)
		want := float64(i + 1)
		p.until("reload counted", func() bool {
			return p.metric(`sluice_config_reloads_total{result="success"}`) >= want
		})
		echo(t, ctx, sockets[i%len(sockets)], fmt.Sprintf("after reload %d", i))
		downloads.step()
	}
	downloads.finish(t)
	load.stop()
	if bad := load.bad.Load(); bad != 0 {
		t.Errorf("failed requests: got %d of %d, want 0", bad, load.sent.Load())
	}
	recorded := p.version("shop", "v1").Requests + p.version("shop", "v2").Requests
	if want := load.sent.Load(); recorded < want {
		t.Errorf("recorded requests: got %d, want at least %d (statistics were reset)", recorded, want)
	}
}

func echo(t *testing.T, ctx context.Context, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatalf("websocket write: %v", err)
	}
	_, got, err := conn.Read(ctx)
	if err != nil || string(got) != text {
		t.Fatalf("websocket echo: got %q, %v; want %q", got, err, text)
	}
}

// downloads are long answers that the origin sends piece by piece, as the test says.
type downloads struct {
	origin *origin
	steps  int
	counts chan int // pieces received by each download, -1 if it broke
}

// startDownloads opens n downloads from v1 and waits until each has its head.
func startDownloads(t *testing.T, p *process, v1 *origin, n int) *downloads {
	t.Helper()
	d := &downloads{origin: v1, counts: make(chan int, n)}
	for range n {
		req, err := http.NewRequest("GET", p.url("/long"), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Long", "1")
		resp, err := client(t, 1).Do(req)
		if err != nil {
			t.Fatalf("download: %v", err)
		}
		go func() {
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				d.counts <- -1
				return
			}
			d.counts <- strings.Count(string(body), "piece\n")
		}()
	}
	return d
}

// step lets one of the downloads go on by a piece.
func (d *downloads) step() {
	d.origin.pieces <- struct{}{}
	d.steps++
}

// finish ends the downloads and checks that every piece arrived.
func (d *downloads) finish(t *testing.T) {
	t.Helper()
	close(d.origin.pieces)
	got := 0
	for range cap(d.counts) {
		n := <-d.counts
		if n < 0 {
			t.Error("a long download broke")
		}
		got += n
	}
	if got != d.steps {
		t.Errorf("pieces received: got %d, want %d", got, d.steps)
	}
}

// A bad file changes nothing and is told by the metric.
func TestBadReloadChangesNothing(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	p := boot(t, twoVersions(v1.URL, v2.URL, 90, 10, ""))
	p.write(strings.Replace(twoVersions(v1.URL, v2.URL, 90, 10, ""), "stable: v1", "stable: nobody", 1))
	p.signal(syscall.SIGHUP)
	p.until("reload refused", func() bool { return p.metric(`sluice_config_reloads_total{result="failure"}`) >= 1 })
	if got := p.metric("sluice_config_last_reload_successful"); got != 0 {
		t.Errorf("sluice_config_last_reload_successful: got %g, want 0", got)
	}
	if !strings.Contains(p.logs(), "nobody") {
		t.Errorf("the log does not name the fault:\n%s", p.logs())
	}
	resp, err := http.Get(p.url("/get"))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("after a refused reload: %v %v", resp, err)
	}
	resp.Body.Close()
}

// Saving the file is enough; listeners come and go with it.
func TestListenersFollowTheFile(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	p := boot(t, twoVersions(v1.URL, v2.URL, 100, 0, ""))
	first, second := p.listen, freeAddress(t)
	keep := client(t, 1)
	get := func(c *http.Client, address string) error {
		req, err := http.NewRequest("GET", "http://"+address+"/get", nil)
		if err != nil {
			return err
		}
		resp, _, err := fetch(c, req)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
		return err
	}
	if err := get(keep, first); err != nil {
		t.Fatal(err)
	}
	p.listen = second
	p.write(twoVersions(v1.URL, v2.URL, 100, 0, ""))
	p.until("new listener", func() bool { return get(http.DefaultClient, second) == nil })
	p.until("old listener gone", func() bool { return get(client(t, 1), first) != nil })
	if err := get(keep, first); err != nil {
		t.Errorf("a connection of the closed listener broke: %v", err)
	}
}

// SIGTERM under load: clients that stop using a connection once told to close see no failure.
func TestShutdownUnderLoad(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	p := boot(t, twoVersions(v1.URL, v2.URL, 90, 10, ""))
	var wg sync.WaitGroup
	var mu sync.Mutex
	var faults []string
	var answered int
	for range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			n, err := useUntilTold(p.listen)
			mu.Lock()
			defer mu.Unlock()
			answered += n
			if err != nil {
				faults = append(faults, err.Error())
			}
		}()
	}
	p.until("load runs", func() bool { return v1.hits.Load() > 500 })
	p.signal(syscall.SIGTERM)
	wg.Wait()
	if code := p.exitCode(patience); code != 0 {
		t.Errorf("exit code after SIGTERM: got %d, want 0", code)
	}
	for _, f := range faults {
		t.Errorf("a client failed: %s", f)
	}
	t.Logf("%d requests answered", answered)
}

// A corrupt or lost state file, and kill -9 at any time.
func TestStateSurvivesKill(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	p := boot(t, twoVersions(v1.URL, v2.URL, 90, 10, ""))
	for i := range 10 {
		want := float64(20 + i)
		body := map[string]any{"weights": map[string]float64{"v1": 100 - want, "v2": want}}
		if code := p.api("PUT", "/api/v1/services/shop/weights", body, nil); code != http.StatusOK {
			t.Fatalf("PUT weights: status %d", code)
		}
		p.kill()
		p.start()
		if got := p.version("shop", "v2").Weight; got != want {
			t.Fatalf("weight of v2 after kill -9: got %g, want %g", got, want)
		}
	}
	p.kill()
	corrupt(t, p)
	p.start()
	p.until("the corrupt state told", func() bool { return strings.Contains(p.logs(), "corrupt") })
}

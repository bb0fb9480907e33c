package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// chromium is a headless browser, spoken to by the Chrome DevTools Protocol.
type chromium struct {
	conn *websocket.Conn
	seq  atomic.Int64

	mu       sync.Mutex
	waiting  map[int64]chan reply
	listener map[string]func(method string, params json.RawMessage) // by session
	ended    error
}

// reply is the answer to one command.
type reply struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
		Data    string `json:"data"`
	} `json:"error"`
}

// message is what the browser sends: a reply, or an event of a session.
type message struct {
	ID      int64           `json:"id"`
	Session string          `json:"sessionId"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	reply
}

// chromiumPath finds the browser; without one the test is skipped, but never in CI.
func chromiumPath(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "no chromium here: the dashboard is not tried in a browser; install the package chromium"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// startChromium runs a browser until the test ends.
func startChromium(t testing.TB) *chromium {
	t.Helper()
	path, profile := chromiumPath(t), t.TempDir()
	cmd := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--force-color-profile=srgb", "--font-render-hinting=none", "--remote-debugging-port=0", "--user-data-dir="+profile, "about:blank")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopChromium(t, cmd) })
	url := devTools(t, stderr)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(256 << 20)
	c := &chromium{conn: conn, waiting: map[int64]chan reply{}, listener: map[string]func(string, json.RawMessage){}}
	go c.read()
	t.Cleanup(func() { conn.CloseNow() })
	return c
}

// stopChromium ends the browser and waits: its children write into the profile, which is removed next.
func stopChromium(t testing.TB, cmd *exec.Cmd) {
	_ = cmd.Process.Signal(os.Interrupt)
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		_ = cmd.Process.Kill()
		<-done
		t.Log("chromium had to be killed")
	}
}

// devTools reads the browser's address from what it says, and goes on reading so that it never blocks.
func devTools(t testing.TB, stderr io.Reader) string {
	t.Helper()
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if _, url, ok := strings.Cut(lines.Text(), "DevTools listening on "); ok {
				found <- url
			}
		}
	}()
	select {
	case url := <-found:
		return url
	case <-time.After(patience):
		t.Fatal("chromium does not say where it listens")
		return ""
	}
}

func (c *chromium) read() {
	for {
		_, data, err := c.conn.Read(context.Background())
		if err != nil {
			c.end(err)
			return
		}
		var m message
		if err := json.Unmarshal(data, &m); err != nil {
			c.end(err)
			return
		}
		c.mu.Lock()
		if m.ID != 0 {
			if ch := c.waiting[m.ID]; ch != nil {
				ch <- m.reply
				delete(c.waiting, m.ID)
			}
			c.mu.Unlock()
			continue
		}
		listen := c.listener[m.Session]
		c.mu.Unlock()
		if listen != nil {
			listen(m.Method, m.Params)
		}
	}
}

func (c *chromium) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = err
	for id, ch := range c.waiting {
		close(ch)
		delete(c.waiting, id)
	}
}

// send gives one command to a session ("": the browser) and decodes the answer into out.
func (c *chromium) send(ctx context.Context, session, method string, params, out any) error {
	id, ch := c.seq.Add(1), make(chan reply, 1)
	c.mu.Lock()
	if c.ended != nil {
		c.mu.Unlock()
		return c.ended
	}
	c.waiting[id] = ch
	c.mu.Unlock()
	command := map[string]any{"id": id, "method": method}
	if params != nil {
		command["params"] = params
	}
	if session != "" {
		command["sessionId"] = session
	}
	data, err := json.Marshal(command)
	if err != nil {
		return err
	}
	if err := c.conn.Write(ctx, websocket.MessageText, data); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	case r, open := <-ch:
		switch {
		case !open:
			return fmt.Errorf("%s: the browser is gone", method)
		case r.Error != nil:
			return errors.New(method + ": " + r.Error.Message + " " + r.Error.Data)
		case out != nil:
			return json.Unmarshal(r.Result, out)
		}
		return nil
	}
}

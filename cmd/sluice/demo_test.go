package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// transcript is what a command has written so far. Safe for concurrent use.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (p *transcript) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *transcript) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

// With --hold the story stays on the dashboard after its end, until somebody interrupts.
func TestDemoHolds(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out transcript
	ended := make(chan error, 1)
	go func() {
		root := newRoot()
		root.SetArgs([]string{"demo", "--hold", "--duration", "5s", "--rate", "400"})
		root.SetOut(&out)
		root.SetErr(&out)
		ended <- root.ExecuteContext(ctx)
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !strings.Contains(out.String(), "RESULT {"); <-tick.C {
		select {
		case err := <-ended:
			t.Fatalf("ended with %v:\n%s", err, out.String())
		default:
		}
		if time.Since(began) > 60*time.Second {
			t.Fatalf("no result:\n%s", out.String())
		}
	}
	found := regexp.MustCompile(`dashboard: (http://127\.0\.0\.1:\d+/)`).FindStringSubmatch(out.String())
	if found == nil {
		t.Fatalf("no address of the dashboard:\n%s", out.String())
	}
	for path, want := range map[string]string{"": "<!doctype html>", "api/v1/services/shop/decisions": `"cut"`} {
		resp, err := http.Get(found[1] + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("GET %s after the story: %d %v, want %s in\n%s", path, resp.StatusCode, err, want, body)
		}
	}
	interrupt()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("interrupted: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("goes on although it was interrupted")
	}
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); !strings.HasPrefix(lines[len(lines)-1], "RESULT {") {
		t.Errorf("the last line is %q, want the result", lines[len(lines)-1])
	}
}

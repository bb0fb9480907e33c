package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// accessLine is what the tests look at of a line of the access log.
type accessLine struct {
	Method, Target, Service, Version, Endpoint, Why, Outcome string
	Status, Attempts                                         int
	RequestID                                                string `json:"request_id"`
	DurationUS                                               int64  `json:"duration_us"`
}

// A line per request says who answered; SIGUSR1 opens the file anew after a rotation.
func TestAccessLog(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	path := filepath.Join(t.TempDir(), "access.log")
	p := &process{t: t, dir: t.TempDir(), listen: freeAddress(t), admin: freeAddress(t)}
	head := strings.Replace(p.prelude(), "path: off", "path: "+path, 1)
	p.config = file(t, head+twoVersions(v1.URL, v2.URL, 100, 0, ""))
	p.start()
	defer p.kill()
	get := func(target string) {
		resp, err := http.Get(p.url(target))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	get("/status/200?first")
	get("/status/503?second")
	lines := p.accessLines(path, 2)
	for i, want := range []accessLine{
		{Target: "/status/200?first", Status: 200, Outcome: "2xx"},
		{Target: "/status/503?second", Status: 503, Outcome: "5xx"},
	} {
		got := lines[i]
		if got.Method != "GET" || got.Target != want.Target || got.Status != want.Status || got.Outcome != want.Outcome ||
			got.Service != "shop" || got.Version != "v1" || got.Endpoint != strings.TrimPrefix(v1.URL, "http://") ||
			got.Attempts != 1 || got.RequestID == "" || got.DurationUS <= 0 {
			t.Errorf("line %d: got %+v", i, got)
		}
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGUSR1)
	p.until("a new file", func() bool { _, err := os.Stat(path); return err == nil })
	get("/status/200?third")
	if got := p.accessLines(path, 1)[0].Target; got != "/status/200?third" {
		t.Errorf("after the rotation: got %s", got)
	}
}

// accessLines waits until the file holds n lines.
func (p *process) accessLines(path string, n int) (lines []accessLine) {
	p.t.Helper()
	p.until("access log", func() bool {
		data, err := os.ReadFile(path)
		return err == nil && strings.Count(string(data), "\n") >= n
	})
	data, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var l accessLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			p.t.Fatalf("%v in %s", err, line)
		}
		lines = append(lines, l)
	}
	return lines
}

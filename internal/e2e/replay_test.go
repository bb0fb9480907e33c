package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A run is recorded by the second and judged again with another policy.
func TestRecordedRunIsReplayed(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	p := &process{t: t, dir: t.TempDir(), listen: freeAddress(t), admin: freeAddress(t)}
	p.config = filepath.Join(p.dir, "sluice.yaml")
	tape := filepath.Join(p.dir, "shop.jsonl")
	p.flags = []string{"--record", "shop=" + tape}
	p.write(shielded(v1.URL, v2.URL, 10, false) + "    guard: {trip: off, action: alert}\n")
	p.start()
	defer p.kill()
	v2.fails(1)
	startPace(t, p, 300, "/status/200")
	p.until("a recording", func() bool {
		data, err := os.ReadFile(tape)
		return err == nil && strings.Count(string(data), "\n") > 10
	})
	p.signal(syscall.SIGTERM)
	if code := p.exitCode(patience); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
	policy := file(t, twoVersions(v1.URL, v2.URL, 90, 10, ""))
	out, code := sluice(t, "simulate", "--replay", tape, "-c", policy)
	if code != 0 || !strings.Contains(out, "v2 would have been cut at") {
		t.Errorf("replay: exit code %d\n%s", code, out)
	}
	t.Log(out)
}

func TestRecordRefuses(t *testing.T) {
	for _, flag := range []string{"shop", "nobody=" + filepath.Join(t.TempDir(), "x")} {
		if out, code := sluice(t, "run", "-c", file(t, good), "--record", flag); code != 2 {
			t.Errorf("--record %s: exit code %d, want 2: %s", flag, code, out)
		}
	}
}

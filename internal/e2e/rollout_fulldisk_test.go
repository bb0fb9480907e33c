package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// disk is a file system that can be filled up.
type disk struct {
	inside  string   // directory on it, as sluice sees it
	outside string   // the same, as the test sees it
	enter   []string // command that shows it to sluice; nil: everybody sees it
	filler  string   // file that takes all the room
}

// smallDisk is a tmpfs of 4 MiB in a mount namespace of its own, so that nothing is left
// when the test ends in whatever way. Where that is not allowed, as in most containers, it is
// their /dev/shm, if that is small.
func smallDisk(t testing.TB) *disk {
	t.Helper()
	d, err := namespaceDisk(t)
	if err != nil {
		reason := err
		if d, err = sharedMemoryDisk(t); err != nil {
			message := fmt.Sprintf("no file system to fill up: %v; %v", reason, err)
			if os.Getenv("CI") == "true" {
				t.Fatal(message)
			}
			t.Skip(message)
		}
	}
	d.filler = filepath.Join(d.outside, "filler")
	t.Cleanup(d.empty)
	return d
}

func namespaceDisk(t testing.TB) (*disk, error) {
	dir := t.TempDir()
	unshare, enter := []string{"--mount"}, []string{"--mount"}
	if os.Getuid() != 0 {
		unshare, enter = append(unshare, "--map-root-user"), append(enter, "--user", "--preserve-credentials")
	}
	keeper := exec.Command("unshare", append(unshare, "sh", "-c", `mount -t tmpfs -o size=4m sluice "$0" && echo mounted && exec cat`, dir)...)
	stdin, err := keeper.StdinPipe() // it ends when this process does
	if err != nil {
		return nil, err
	}
	stdout, err := keeper.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := keeper.Start(); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = keeper.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "mounted\n" {
		return nil, fmt.Errorf("a tmpfs can't be mounted here (%w)", err)
	}
	target := fmt.Sprint(keeper.Process.Pid)
	return &disk{inside: dir, outside: filepath.Join("/proc", target, "root", dir),
		enter: append([]string{"nsenter", "--target", target}, enter...)}, nil
}

func sharedMemoryDisk(t testing.TB) (*disk, error) {
	const path, most = "/dev/shm", 256 << 20
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if size := int64(st.Blocks) * int64(st.Bsize); size == 0 || size > most {
		return nil, fmt.Errorf("%s has %d bytes, too many to fill up", path, size)
	}
	dir, err := os.MkdirTemp(path, "sluice")
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return &disk{inside: dir, outside: dir}, nil
}

// fill leaves no room for a single byte.
func (d *disk) fill(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile(d.filler, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		switch _, err := f.Write(block); {
		case errors.Is(err, syscall.ENOSPC):
			block = block[:len(block)/2]
		case err != nil:
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(d.outside, "straw"), []byte("x"), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("one more byte on a full disk: %v", err)
	}
	_ = os.Remove(filepath.Join(d.outside, "straw"))
}

func (d *disk) empty() { _ = os.Remove(d.filler) }

// stuck accepts requests and never answers them.
func stuck(t testing.TB) *origin {
	t.Helper()
	o, over := startOrigin(t), make(chan struct{})
	o.does(func(http.ResponseWriter, *http.Request) { <-over })
	t.Cleanup(func() { close(over) })
	return o
}

// An abort holds for the next request while a hook hangs, the disk is full, one chat hangs and another
// is gone. It is recorded in the room that is kept for that, and outlives kill -9.
func TestAbortWhileNothingElseWorks(t *testing.T) {
	t.Parallel()
	d := smallDisk(t)
	t.Logf("the state is in %s, entered by %v", d.inside, d.enter)
	v1, v2, hook, chat := startShop(t, "1"), startShop(t, "2"), stuck(t), stuck(t)
	p := &process{t: t, dir: t.TempDir(), listen: freeAddress(t), admin: freeAddress(t), inside: d.enter}
	state := filepath.Join(d.inside, "state")
	p.launch(strings.Replace(p.prelude(), filepath.Join(p.dir, "state"), state, 1) + quick(v1, v2, fmt.Sprintf(`      hooks:
        - {name: capacity, on: before_stage, stages: [all], url: %[1]q, timeout: 60s, retries: 5}
        - {name: undo-database, on: rollback, url: %[1]q, timeout: 60s}
        - {name: ticket, on: after_rollout, url: %[1]q, timeout: 60s}
      notify:
        - {type: slack, url: "http://%[2]s/T0/B0", on: [stage, aborted, rollback]}
        - {type: webhook, url: %[3]q, on: [stage, aborted, rollback]}
`, hook.URL, freeAddress(t), chat.URL)))
	load := startTraffic(t, p, 400, "/")
	p.begin()
	p.until("the hook hangs", func() bool {
		r := p.rollout("shop")
		return r.Waiting == "hook" && r.Weight == 50 && hook.hits.Load() == 1
	})
	mark := v2.sold.Load()
	p.until("v2 has its half", func() bool { return v2.sold.Load() > mark+50 })
	d.fill(t)

	wantAbortAtOnce(t, p, v2)
	load.wantNoMoreTraffic(t, p, v2)
	load.wantNoFailure(t)
	p.until("it is told that the disk is full", func() bool { return strings.Contains(p.logs(), "no space left on device") })

	file := filepath.Join(d.outside, "state", "state.json")
	p.until("the abort is on disk", func() bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), `"aborted"`)
	})
	p.kill()
	p.start()
	load = startTraffic(t, p, 400, "/")
	load.wantNoMoreTraffic(t, p, v2)
	if r := p.rollout("shop"); r.Phase != "aborted" || p.version("shop", "v2").Weight != 0 {
		t.Errorf("after kill -9: %s: %s", r.Phase, r.Reason)
	}
}

// wantAbortAtOnce aborts, and wants no request begun after the answer to meet v2, nor one much later than the question.
func wantAbortAtOnce(t testing.TB, p *process, v2 *shop) {
	t.Helper()
	asked := time.Now()
	if code := p.order("abort"); code != http.StatusOK {
		t.Fatalf("abort: status %d", code)
	}
	answered := time.Now()
	for i := range 50 {
		if got := release(t, p.url("/")); got != "1" {
			t.Fatalf("request %d after the abort met release %q", i, got)
		}
	}
	last := time.Unix(0, v2.last.Load())
	t.Logf("v2 had its last request %v after the abort was sent, which was answered after %v", last.Sub(asked), answered.Sub(asked))
	if last.After(answered) || last.Sub(asked) > time.Second {
		t.Errorf("v2 had a request %v after the abort was sent, which was answered after %v", last.Sub(asked), answered.Sub(asked))
	}
}

// What can't be recorded does not rise; it goes on when there is room again.
func TestRiseWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	d := smallDisk(t)
	v1, v2 := startShop(t, "1"), startShop(t, "2")
	p := &process{t: t, dir: t.TempDir(), listen: freeAddress(t), admin: freeAddress(t), inside: d.enter}
	p.launch(strings.Replace(p.prelude(), filepath.Join(p.dir, "state"), filepath.Join(d.inside, "state"), 1) +
		strings.Replace(quick(v1, v2, ""), "{name: all,", "{name: all, approval: manual,", 1))
	load := startTraffic(t, p, 300, "/")
	p.begin()
	p.until("the gate", func() bool { return p.rollout("shop").Gate == "stage:all" })
	d.fill(t)
	if code := p.order("promote"); code != http.StatusOK {
		t.Errorf("promote: status %d", code)
	}
	p.until("it waits for the disk", func() bool { return p.rollout("shop").Waiting == "disk" })
	if w := p.version("shop", "v2").Weight; w != 50 {
		t.Errorf("v2 has %g %% although nothing can be recorded", w)
	}
	d.empty()
	p.untilPhase("promoted")
	load.wantNoFailure(t)
}

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sluice/bench"
	"sluice/internal/backend"
	"sluice/internal/trial"
)

// shell runs sluice after a few commands of sh, in the same process.
func shell(commands string) func(*trial.Options) {
	return func(o *trial.Options) { o.Wrap = []string{"sh", "-c", commands + ` && exec "$@"`, "sh"} }
}

// private is shell in a mount namespace of its own.
func private(commands string) func(*trial.Options) {
	return func(o *trial.Options) {
		o.Wrap = []string{"unshare", "--mount", "--propagation", "private", "sh", "-c", commands + ` && exec "$@"`, "sh"}
	}
}

// mayMount says why mount namespaces can't be had, or "".
func mayMount() string {
	if out, err := exec.Command("unshare", "--mount", "true").CombinedOutput(); err != nil {
		return fmt.Sprintf("needs root and unshare (%s)", strings.TrimSpace(string(out)))
	}
	return ""
}

// descriptors gives sluice 128 and takes them all.
func (l *lab) descriptors() error {
	b, err := server("well", 100)
	if err != nil {
		return err
	}
	defer b.Close()
	p, err := l.start(shop(patient, b.URL()), shell("ulimit -n 128"))
	if err != nil {
		return err
	}
	defer p.Kill()
	results := make(chan bench.Report, 1)
	go func() {
		report, _ := l.load(p.Listen, 100, 4*time.Second, func(o *bench.LoadOptions) { o.Connections = 10 }) // options are right
		results <- report
	}()
	if err := p.Until("load", 5*time.Second, func() bool { n, err := l.counted(p); return err == nil && n > 50 }); err != nil {
		return err
	}
	var flood []net.Conn
	for range 300 {
		c, err := net.Dial("tcp", p.Listen)
		if err != nil {
			return err
		}
		flood = append(flood, c)
	}
	report := <-results
	l.none("no descriptors left: failed requests on open connections", &report)
	l.table.Judge("no descriptors left: sluice lives", p.Alive(), p.Alive(), true)
	for _, c := range flood {
		c.Close()
	}
	if err := l.recovers("descriptors free again: new connections", p); err != nil {
		return err
	}
	s, err := p.Scrape(l.ctx)
	if err != nil {
		return err
	}
	l.table.Judge("no descriptors left: counted", s.Sum("sluice_accept_errors_total") > 0, s.Sum("sluice_accept_errors_total"), "> 0")
	trial.Equal(&l.table, "no descriptors left: endpoints and versions blamed", 1-s.Sum("sluice_endpoint_healthy")+s.Sum("sluice_rollbacks_total"), 0)
	return nil
}

// diskFull fills the disk that state and access log are on, lets a version fail, and frees it again.
func (l *lab) diskFull() error {
	if why := mayMount(); why != "" {
		l.table.Skip("disk full", why)
		return nil
	}
	stable, err := server("stable", 100)
	if err != nil {
		return err
	}
	defer stable.Close()
	canary, err := server("canary", 100)
	if err != nil {
		return err
	}
	defer canary.Close()
	disk := filepath.Join(l.dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		return err
	}
	services := fmt.Sprintf("  - name: shop\n    routes: [{path: /}]\n    stable: v1\n    versions: [{name: v1, weight: 80, endpoints: [%q]}, {name: v2, weight: 20, endpoints: [%q], shield: true}]\n",
		stable.URL(), canary.URL())
	p, err := l.start(services, private(fmt.Sprintf("mount -t tmpfs -o size=512k none '%s'", disk)), func(o *trial.Options) {
		o.State, o.Log = filepath.Join(disk, "state"), fmt.Sprintf("{path: %q, format: json}", filepath.Join(disk, "access.log"))
	})
	if err != nil {
		return err
	}
	defer p.Kill()
	return l.withoutRoom(p, canary, fmt.Sprintf("/proc/%d/root%s", p.PID, disk))
}

// withoutRoom fills the disk, and frees it after the canary has failed. inside is the disk as seen from here.
func (l *lab) withoutRoom(p *trial.Process, canary *backend.Server, inside string) error {
	_ = os.WriteFile(filepath.Join(inside, "ballast"), make([]byte, 1<<20), 0o600) // ends when the disk is full: that is what it is for
	report, err := l.load(p.Listen, 300, 3*time.Second)
	if err != nil {
		return err
	}
	l.none("disk full: failed requests", &report)
	l.table.Judge("disk full: slowest answer", report.Latency.Max() < time.Second, report.Latency.Max().Round(time.Millisecond), "< 1s")
	up := p.API(l.ctx, "PUT", "/api/v1/services/shop/weights", map[string]any{"weights": map[string]float64{"v1": 50, "v2": 50}}, nil)
	l.table.Judge("disk full: a rise is refused, as it can't be kept", up != nil, cut(fmt.Sprint(up), 90), "an error")
	canary.Set(backend.Behaviour{FailShare: 1})
	if report, err = l.load(p.Listen, 300, 3*time.Second); err != nil {
		return err
	}
	l.none("disk full, canary fails: failed requests", &report)
	s, err := p.Scrape(l.ctx)
	if err != nil {
		return err
	}
	l.table.Judge("disk full, canary fails: cut all the same", s.Sum("sluice_version_state", `state="active"`, `version="v2"`) == 0, fmt.Sprintf("%g cuts", s.Sum("sluice_rollbacks_total")), "cut")
	l.table.Judge("disk full: told", s.Sum("sluice_state_save_failures_total") > 0, s.Sum("sluice_state_save_failures_total"), "> 0 failed saves")
	canary.Set(backend.Behaviour{})
	if err := os.Remove(filepath.Join(inside, "ballast")); err != nil {
		return err
	}
	if err := os.Truncate(filepath.Join(inside, "access.log"), 0); err != nil {
		return err
	}
	return l.kept(p, inside)
}

// kept judges that changes are saved again once there is room.
func (l *lab) kept(p *trial.Process, inside string) error {
	var answer error
	err := p.Until("weights are taken", 15*time.Second, func() bool {
		answer = p.API(l.ctx, "PUT", "/api/v1/services/shop/weights", map[string]any{"weights": map[string]float64{"v1": 63, "v2": 37}}, nil)
		return answer == nil
	})
	l.table.Judge("disk free again: a change is taken", err == nil, cut(fmt.Sprint(answer), 90), "<nil>")
	data, err := os.ReadFile(filepath.Join(inside, "state", "state.json"))
	l.table.Judge("disk free again: and is on disk", err == nil && strings.Contains(string(data), "3700"), fmt.Sprintf("%d bytes, %v", len(data), err), "the new weight")
	return nil
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// memory gives sluice little and asks for much: 300 uploads and downloads of a megabyte at once.
func (l *lab) memory() error {
	b, err := server("well", 1<<20)
	if err != nil {
		return err
	}
	defer b.Close()
	const limit = 96 << 20
	group, why := memoryGroup(limit)
	commands := "true"
	if why != "" {
		l.table.Skip("memory limit enforced by a cgroup", why)
	} else {
		defer os.Remove(group) // fails while the process lives, which is over by then
		commands = fmt.Sprintf("echo $$ > '%s/cgroup.procs'", group)
	}
	p, err := l.start(shop("    limits: {max_body: 0, connections_per_version: 1000}\n", b.URL()), shell(commands), func(o *trial.Options) {
		o.Env = []string{fmt.Sprintf("GOMEMLIMIT=%d", limit*9/10)}
	})
	if err != nil {
		return err
	}
	defer p.Kill()
	results := make(chan bench.Report, 2)
	for _, body := range [][]byte{nil, make([]byte, 1<<20)} {
		go func() {
			report, _ := l.load(p.Listen, 0, 5*time.Second, func(o *bench.LoadOptions) { // options are right
				o.Connections, o.Body, o.Timeout = 150, body, 30*time.Second
				if body != nil {
					o.Method = "POST"
				}
			})
			results <- report
		}()
	}
	first, second := <-results, <-results
	l.none("96 MiB, 300 transfers of 1 MiB at once: failed downloads", &first)
	l.none("96 MiB, 300 transfers of 1 MiB at once: failed uploads", &second)
	in, err := p.Resources()
	l.table.Judge("96 MiB, 300 transfers of 1 MiB at once: most memory held", err == nil && in.Peak <= limit, fmt.Sprintf("%d MiB", in.Peak>>20), "≤ 96 MiB")
	l.table.Judge("96 MiB: sluice lives", p.Alive(), p.Alive(), true)
	p.Kill()
	return nil
}

// memoryGroup makes a cgroup below our own, or says why not.
func memoryGroup(limit int) (dir, why string) {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err.Error()
	}
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		root, file := "", ""
		switch {
		case len(parts) == 3 && parts[1] == "memory":
			root, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case len(parts) == 3 && parts[0] == "0":
			root, file = "/sys/fs/cgroup", "memory.max"
		default:
			continue
		}
		dir = filepath.Join(root, parts[2], fmt.Sprintf("sluice-chaos-%d", os.Getpid()))
		if err = os.Mkdir(dir, 0o755); err != nil {
			continue
		}
		if err = os.WriteFile(filepath.Join(dir, file), []byte(fmt.Sprint(limit)), 0o644); err == nil {
			return dir, ""
		}
		_ = os.Remove(dir) // it is empty
	}
	return "", fmt.Sprintf("no cgroup may be made: %v", err)
}

// clock stops the process for some seconds, as a snapshot or a move of a virtual machine does, and runs it with a monotonic
// clock far from zero.
func (l *lab) clock() error {
	l.table.Skip("wall clock stepped", "no namespace holds CLOCK_REALTIME (time_namespaces(7)), and a static binary loads no libfaketime")
	v1, err := server("v1", 100)
	if err != nil {
		return err
	}
	defer v1.Close()
	v2, err := server("v2", 100)
	if err != nil {
		return err
	}
	defer v2.Close()
	v1.Set(backend.Behaviour{Delay: 20 * time.Millisecond})
	v2.Set(backend.Behaviour{Delay: 20 * time.Millisecond})
	services := fmt.Sprintf("  - name: shop\n    routes: [{path: /}]\n    stable: v1\n    versions: [{name: v1, weight: 50, endpoints: [%q]}, {name: v2, weight: 50, endpoints: [%q]}]\n", v1.URL(), v2.URL())
	p, err := l.start(services)
	if err != nil {
		return err
	}
	defer p.Kill()
	results := make(chan bench.Report, 1)
	go func() {
		report, _ := l.load(p.Listen, 200, 20*time.Second, func(o *bench.LoadOptions) { o.Connections = 1500 }) // options are right
		results <- report
	}()
	for range 2 {
		if !l.pause(2 * time.Second) {
			return l.ctx.Err()
		}
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		l.pause(4 * time.Second)
		if err := p.Signal(syscall.SIGCONT); err != nil {
			return err
		}
	}
	report := <-results
	l.none("stopped for 4 s, twice: failed requests", &report)
	l.table.Judge("stopped for 4 s, twice: slowest answer", report.Latency.Max() < 10*time.Second, report.Latency.Max().Round(time.Millisecond), "< 10s")
	s, err := p.Scrape(l.ctx)
	if err != nil {
		return err
	}
	trial.Equal(&l.table, "stopped for 4 s, twice: versions cut", s.Sum("sluice_rollbacks_total"), 0)
	trial.Equal(&l.table, "stopped for 4 s, twice: endpoints ejected", strings.Count(p.Logs(), "ejected for"), 0)
	return l.farClock(services)
}

func (l *lab) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-l.ctx.Done():
		return false
	}
}

func (l *lab) farClock(services string) error {
	if out, err := exec.Command("unshare", "--time", "--monotonic", "1", "true").CombinedOutput(); err != nil {
		l.table.Skip("monotonic clock at 20 years", fmt.Sprintf("needs root, unshare and time namespaces (%s)", strings.TrimSpace(string(out))))
		return nil
	}
	p, err := l.start(services, func(o *trial.Options) {
		o.Wrap = []string{"unshare", "--fork", "--kill-child", "--time", "--monotonic", "630720000", "--boottime", "630720000"}
	})
	if err != nil {
		return err
	}
	defer p.Kill()
	report, err := l.load(p.Listen, 200, 2*time.Second)
	if err != nil {
		return err
	}
	l.none("monotonic clock at 20 years: failed requests", &report)
	return nil
}

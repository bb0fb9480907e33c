package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sluice/bench"
	"sluice/internal/trial"
)

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
	l.transfers(p)
	in, err := p.Resources()
	l.table.Judge("96 MiB, 300 transfers of 1 MiB at once: most memory held", err == nil && in.Peak <= limit, fmt.Sprintf("%d MiB", in.Peak>>20), "≤ 96 MiB")
	l.table.Judge("96 MiB: sluice lives", p.Alive(), p.Alive(), true)
	p.Kill()
	return nil
}

// transfers are 150 downloads and as many uploads of a megabyte, again and again.
func (l *lab) transfers(p *trial.Process) {
	var both sync.WaitGroup
	for what, body := range map[string][]byte{"downloads": nil, "uploads": make([]byte, 1<<20)} {
		both.Go(func() {
			report, _ := l.load(p.Listen, 0, 5*time.Second, func(o *bench.LoadOptions) { // options are right
				o.Connections, o.Body, o.Timeout = 150, body, 30*time.Second
				if body != nil {
					o.Method = "POST"
				}
			})
			l.none("96 MiB, 300 transfers of 1 MiB at once: failed "+what, &report)
		})
	}
	both.Wait()
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

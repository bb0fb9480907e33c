package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// profiled are the loads that a profile is made of: what most installations do most of the time.
var profiled = []string{"small", "browser-headers", "tls", "1000-connections", "10KiB", "post-1KiB", "no-keep-alive", "sticky-cookie", "access-log"}

// profile loads sluice alone with one scenario after the other and writes what its CPU
// did, all in one, to a file that the compiler reads (-pgo). o.duration is what is
// profiled of each.
func profile(ctx context.Context, o options, dir, path string) error {
	b, err := newBench(ctx, o, dir)
	if err != nil {
		return err
	}
	defer b.close()
	merge := []string{"tool", "pprof", "-proto"}
	all := scenarios()
	for _, name := range profiled {
		part := filepath.Join(dir, name+".pprof")
		if err := b.profileOne(find(all, name), part); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		merge = append(merge, part)
	}
	out, err := exec.CommandContext(ctx, "go", merge...).Output()
	if err != nil {
		return fmt.Errorf("merge profiles: %w", err)
	}
	return os.WriteFile(path, out, 0o644)
}

func (m *measuring) profileOne(s *scenario, path string) error {
	w := m.base
	w.setup, w.workers = s.setup, 1
	run, err := m.sluice().start(m.ctx, &w)
	if err != nil {
		return err
	}
	defer run.stop()
	loaded := make(chan error, 1)
	go func() {
		_, err := m.load(s, candidate{"sluice", &w, run}, m.duration+time.Second)
		loaded <- err
	}()
	err = fetchProfile(m.ctx, w.admin, m.duration, path)
	if loadErr := <-loaded; err == nil {
		err = loadErr
	}
	return err
}

func fetchProfile(ctx context.Context, admin string, d time.Duration, path string) error {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", admin, d.Seconds())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d: %.200s", url, resp.StatusCode, body)
	}
	return os.WriteFile(path, body, 0o644)
}

func (m *measuring) sluice() *peer {
	i := slices.IndexFunc(m.peers, func(p peer) bool { return p.name == "sluice" })
	return &m.peers[i] // it is always there
}

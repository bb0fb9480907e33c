package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/internal/backend"
	"sluice/internal/trial"
)

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
	l.table.Judge("disk full: a rise is refused, as it can't be kept", up != nil && strings.Contains(up.Error(), "unsaved"), cut(fmt.Sprint(up), 90), "500 unsaved")
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

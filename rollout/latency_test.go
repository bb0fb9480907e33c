package rollout

import (
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// answer records n answers that took d, all ending now.
func (l *lab) answer(service, version string, n int, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, now := l.services[service].versions[version], analysis.Now()
	for i := range n {
		v.split.Start(uint32(i), now)
		v.split.Record(uint32(i), now, now+int64(d), analysis.Success)
	}
}

// A version that answers well but slowly is condemned by the figures of the real
// recorders; one that is as quick as stable is not.
func TestSlowVersionIsQuarantined(t *testing.T) {
	for _, tt := range []struct {
		name string
		slow time.Duration
		mode string
		want config.State
	}{
		{"four times as slow", 80 * time.Millisecond, "evidence", config.Quarantined},
		{"as quick", 20 * time.Millisecond, "evidence", config.Active},
		{"four times as slow, by window", 80 * time.Millisecond, "window", config.Quarantined},
	} {
		s := shop(9000, 1000)
		s.Guard.Breach = config.Criteria{"p90_latency": {{Op: ">", Ratio: 2}}, "p99_latency": {{Op: ">", Duration: 500 * time.Millisecond}}}
		if s.Guard.Mode = tt.mode; tt.mode == "window" {
			s.Guard.Window = 20 * time.Second
		}
		running(t, Options{}, []config.Service{s}, func(b *bench) {
			for i := range 90 {
				d := 20 * time.Millisecond
				if i >= 40 {
					d = tt.slow
				}
				b.lab.answer("shop", "v1", 90, 20*time.Millisecond)
				b.lab.answer("shop", "v2", 10, d)
				time.Sleep(time.Second)
			}
			settle()
			b.wantState("v2", tt.want)
			if tt.want != config.Quarantined {
				return
			}
			d := b.Decisions("shop")
			if len(d) != 1 || d[0].Metric != analysis.P90Latency || !strings.Contains(d[0].Summary, "took over") || d[0].Evidence["slow_over_ms"] == nil {
				t.Errorf("%s: decisions %+v", tt.name, d)
			}
			if n := b.Rollbacks()[RollbackKey{"shop", "v2", analysis.P90Latency}]; n != 1 {
				t.Errorf("%s: %d rollbacks counted by that metric", tt.name, n)
			}
		})
	}
}

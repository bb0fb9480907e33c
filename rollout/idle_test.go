package rollout

import (
	"fmt"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// TestIdleVersionsHaveNoJudge: ten thousand services, most of them without
// traffic, must not cost what their judges would.
func TestIdleVersionsHaveNoJudge(t *testing.T) {
	quiet := shop(9000, 1000)
	quiet.Name = "quiet"
	b := newBench(t, Options{}, shop(9000, 1000), quiet)
	b.lab.send("shop", "v1", 1, analysis.Success)
	b.block(time.Now())
	for name, want := range map[string]bool{"shop": true, "quiet": false} {
		for _, w := range b.services[name].versions {
			if got := w.judge != nil; got != want {
				t.Errorf("%s %s: has a judge: %t, want %t", name, w.arm.Version, got, want)
			}
		}
	}
	if v := b.Verdict("quiet", "v2"); v.Standing != analysis.Inconclusive {
		t.Errorf("the verdict without a judge is %v", v.Standing)
	}
}

// BenchmarkIdle is a second of the controller's life with 10,000 services, of
// which one has traffic: ten ticks and a block.
func BenchmarkIdle(b *testing.B) {
	for _, used := range []bool{false, true} {
		name := map[bool]string{false: "never used", true: "used once"}[used]
		b.Run(name, func(b *testing.B) {
			services := make([]config.Service, 10000)
			for i := range services {
				services[i] = shop(9000, 1000)
				services[i].Name = fmt.Sprint("shop", i)
			}
			c := newBench(b, Options{}, services...)
			if used {
				for i := range services {
					c.lab.send(services[i].Name, "v1", 1, analysis.Success)
					c.lab.send(services[i].Name, "v2", 1, analysis.Success)
				}
				c.block(time.Now())
			}
			for range idleAfter + 1 { // a minute without traffic
				c.block(time.Now())
			}
			for b.Loop() {
				c.lab.send("shop7", "v1", 1, analysis.Success)
				now := time.Now()
				for range 10 {
					c.tick(now)
				}
				c.block(now)
			}
		})
	}
}

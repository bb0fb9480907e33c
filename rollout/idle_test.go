package rollout

import (
	"fmt"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

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

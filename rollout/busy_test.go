package rollout

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// fleet are 10,000 services of two versions, all of which have had traffic.
type fleet struct {
	*bench
	versions []*labVersion
}

func newFleet(b *testing.B, o Options) *fleet {
	services := make([]config.Service, 10000)
	for i := range services {
		services[i] = shop(9000, 1000)
		services[i].Name = fmt.Sprint("shop", i)
	}
	f := &fleet{bench: newBench(b, o, services...)}
	for i := range services {
		for _, v := range []string{"v1", "v2"} {
			f.versions = append(f.versions, f.lab.version(services[i].Name, v))
		}
	}
	for range 3 {
		f.traffic()
		f.block(time.Now())
	}
	return f
}

// traffic is one request to each version, in 1 to 7 ms. The next look at requests in flight is the first of a second.
func (f *fleet) traffic() {
	now := analysis.Now()
	for i, v := range f.versions {
		v.split.Start(uint32(i), now)
		v.split.Record(uint32(i), now, now+int64(1+i%7)*int64(time.Millisecond), analysis.Success)
	}
	for _, s := range f.ordered {
		for _, w := range s.versions {
			w.calm = 0
		}
	}
}

// BenchmarkBusy is a second of the controller's life with 10,000 services of two versions,
// each of which has had a request: ten ticks and a block; and, every ten seconds, the
// saving of what the judges know.
func BenchmarkBusy(b *testing.B) {
	b.Run("second", func(b *testing.B) {
		f := newFleet(b, Options{})
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			f.traffic()
			now := time.Now()
			b.StartTimer()
			for range 10 {
				f.tick(now)
			}
			f.block(now)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/10000, "heap-B/service")
	})
	b.Run("save", func(b *testing.B) {
		f := newFleet(b, Options{StateDir: b.TempDir()})
		b.Cleanup(f.Close)
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			f.traffic()
			f.block(time.Now())
			f.pace = evidencePace{}
			b.StartTimer()
			if err := f.writeState(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

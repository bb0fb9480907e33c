package simulation

import (
	"fmt"
	"slices"
	"strings"

	"sluice/analysis"
	"sluice/internal/peers"
)

// detector looks at one second after the other and reports whether it would roll
// back (or, a promotion, pass) now. It is not asked again after it did.
type detector interface{ add(*second) bool }

// Rule is what a peer offers.
type Rule interface{ Add(*peers.Second) bool }

type peer struct{ Rule }

func (p peer) add(s *second) bool { return p.Add(&s.Second) }

// Detector is one that can be asked for by name.
type Detector struct {
	Name  string
	Title string // for people

	Latency   bool // it needs latencies
	Hosts     bool // it needs hosts told apart
	Promotion bool // it passes a canary instead of rolling it back

	make func(seed uint64, s *Scenario, run int) detector
}

// applies tells whether the detector can say anything about a scenario.
func (d *Detector) applies(s *Scenario) bool {
	return (!d.Latency || s.StableLatency != nil) && (!d.Hosts || s.Hosts > 0) &&
		d.Promotion == strings.HasPrefix(s.Name, "promote")
}

// Detectors lists all, ours first.
func Detectors() []Detector { return slices.Concat(ours(), promoters(), rivals()) }

func rivals() []Detector {
	of := func(name, title string, rule func() Rule) Detector {
		return Detector{Name: name, Title: title, make: func(uint64, *Scenario, int) detector { return peer{rule()} }}
	}
	slow := func(d Detector) Detector {
		d.Latency = true
		return d
	}
	envoy := of("envoy", "Envoy 1.9 sd", func() Rule { return peers.NewEnvoy() })
	envoy.Hosts = true
	return []Detector{
		of("lindon-malek", "Lindon-Malek, alpha 1 %", func() Rule { return peers.NewLindonMalek(0.01) }),
		of("msprt", "mSPRT normal, alpha 1 %", func() Rule { return peers.NewMSPRT(0.01, 0.005) }),
		of("z", "z test every 10 s, 5 %", func() Rule { return peers.NewZTest() }),
		of("ratio", "ratio > 1.5, 60 s / 5 s, n >= 100", func() Rule { return peers.NewRatio(1.5, 100) }),
		of("flagger-x5", "Flagger 1m >= 99 % x5", func() Rule { return peers.NewFlagger(0.01, 5) }),
		of("flagger-x1", "Flagger 1m >= 99 % x1 (its default)", func() Rule { return peers.NewFlagger(0.01, 1) }),
		of("argo-1m", "Argo 1m >= 99 % limit 0 (its default)", func() Rule { return peers.NewArgo(0.01, 60, 0) }),
		of("argo-5m", "Argo 5m >= 95 % limit 3", func() Rule { return peers.NewArgo(0.05, 300, 3) }),
		of("burn", "SRE 14.4 burn, 99.9 %", func() Rule { return peers.NewBurn(0.999) }),
		of("wilson", "Wilson 99.9 %, 60 s > 1 %", func() Rule { return peers.NewWilson(0.01) }),
		of("kayenta-60", "Kayenta at 60 min", func() Rule { return peers.NewKayenta(60) }),
		of("kayenta-5", "Kayenta every 5 min", func() Rule { return peers.NewKayenta(5) }),
		envoy,
		slow(of("p99-ratio", "p99 ratio > 2, 1 m / 10 s", func() Rule { return peers.NewP99Ratio(2, cellBounds()) })),
		slow(of("flagger-p99-x5", "Flagger p99 <= 500 ms x5", func() Rule { return peers.NewFlaggerLatency(0.5, 5, cellBounds()) })),
		slow(of("flagger-p99-x1", "Flagger p99 <= 500 ms x1", func() Rule { return peers.NewFlaggerLatency(0.5, 1, cellBounds()) })),
	}
}

// cellBounds are the upper bounds of all cells of analysis but the open one, in seconds.
func cellBounds() []float64 {
	all := make([]float64, analysis.Buckets-1)
	for i := range all {
		all[i] = analysis.UpperBound(i)
	}
	return all
}

// Select returns the detectors that the names stand for: a name, the part before a
// dash of several ("flagger"), or "all".
func Select(names []string) ([]Detector, error) {
	var chosen []Detector
	all := Detectors()
	for _, name := range names {
		found := false
		exact := slices.ContainsFunc(all, func(d Detector) bool { return d.Name == name })
		for _, d := range all {
			if name != "all" && name != d.Name && (exact || !strings.HasPrefix(d.Name, name+"-")) {
				continue
			}
			found = true
			if !slices.ContainsFunc(chosen, func(c Detector) bool { return c.Name == d.Name }) {
				chosen = append(chosen, d)
			}
		}
		if !found {
			return nil, fmt.Errorf("no detector %q", name)
		}
	}
	return chosen, nil
}

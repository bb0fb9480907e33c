package analysis

import (
	"math"
	"math/rand/v2"
	"time"
)

var day = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// traffic makes blocks of rps requests of which weight go to the canary.
type traffic struct {
	rng    *rand.Rand
	rps    int
	weight float64
}

// binomial jumps from success to success, so that its cost is the number of these.
func (tr traffic) binomial(n int, p float64) (k uint64) {
	if p >= 1 {
		return uint64(n)
	}
	if p <= 0 {
		return 0
	}
	c := math.Log1p(-p)
	for i := 0; ; i++ {
		i += int(math.Log(1-tr.rng.Float64()) / c)
		if i >= n {
			return k
		}
		k++
	}
}

func (tr traffic) block(t int, pc, pb float64) Block {
	nc := int(tr.binomial(tr.rps, tr.weight))
	b := Block{
		At:     day.Add(time.Duration(t) * time.Second),
		Canary: Counts{uint64(nc), tr.binomial(nc, pc)},
		Stable: Counts{uint64(tr.rps - nc), tr.binomial(tr.rps-nc, pb)},
	}
	b.CanaryAll = b.Canary
	return b
}

func seeded(seed uint64, rps int, weight float64) traffic {
	return traffic{rand.New(rand.NewPCG(seed, 99)), rps, weight}
}

// breachAfter is how many blocks after onset the judge condemned; 0: not within n.
// pc and pb hold from onset, pb alone before.
func breachAfter(j *Judge, tr traffic, onset, n int, pc, pb float64) int {
	for t := range onset {
		if j.Add(tr.block(t, pb, pb)).Standing == Breach {
			return -1
		}
	}
	for t := range n {
		if j.Add(tr.block(onset+t, pc, pb)).Standing == Breach {
			return t + 1
		}
	}
	return 0
}

var (
	standing = JudgeOptions{Breach: ratios(1.5)}
	both     = JudgeOptions{Breach: append(ratios(1.5), limits(0.05)...)}
	rollout  = JudgeOptions{Breach: ratios(1.5), Alpha: 0.01, Horizon: time.Hour}
)

// ratios and limits are criteria on the error rate.
func ratios(rs ...float64) (cs []Criterion) {
	for _, r := range rs {
		cs = append(cs, Criterion{Metric: ErrorRate, Ratio: r})
	}
	return cs
}

func limits(ps ...float64) (cs []Criterion) {
	for _, p := range ps {
		cs = append(cs, Criterion{Metric: ErrorRate, Limit: p})
	}
	return cs
}

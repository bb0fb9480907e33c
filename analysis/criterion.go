package analysis

import (
	"strconv"
)

// Shares of the budget, relative to each other; those of the criteria that a
// judge has are made to sum to 1 (judgement 2.8). Latency and resets will join them.
const (
	shareRelativeErrors = 0.5
	shareAbsoluteErrors = 0.1
)

const (
	suspicion = 10 // M that holds a promotion, and that excuses a canary if stable has it
	// stableMass starts with every block of the test of stable against an absolute
	// limit. That test guards no budget: it only excuses.
	stableMass = 0.01
	// stableMost keeps that test able to see within seconds that stable has recovered.
	stableMost = 1e6
	// excuseFailures of stable since the canary's change make its rate worth looking at.
	excuseFailures = 5
)

// criterion is one limit on the error rate with the evidence against it.
type criterion struct {
	threshold string
	calm      string // what to say while it is inconclusive
	share     float64
	bets      bets
	relative  bool
	limit     float64 // unless relative
	r0, d0    float64 // relative: the healthy bound, for when stable is thin

	Canary  detector `json:"canary"`
	Stable  detector `json:"stable"`  // absolute: stable against the same limit
	Excused bool     `json:"excused"` // stable is as bad
}

// step is one block with what was decided about it before it was looked at.
type step struct {
	Block
	starting float64 // mass that starts with it
	least    float64 // mass that starts with any block that has traffic of the canary
	thin     float64 // bound on stable's rate to use, as stable has next to no traffic; 0: it has enough
	limit    float64 // the burst guard's ln C
	bound    float64 // the judge's
}

// criteria leaves out limits that nothing can break or that mean nothing: rates
// outside 0…1 (1 excluded), ratios that are not positive and finite.
func criteria(o JudgeOptions) []criterion {
	var cs []criterion
	for _, k := range o.Breach {
		if !k.meaningful() {
			continue
		}
		switch {
		case k.Metric == ErrorRate && k.Ratio > 0:
			b := newRelativeBets(k.Ratio, o.MinEffect, o.Strict)
			cs = append(cs, criterion{
				threshold: k.breach(), relative: true, bets: b, r0: b.r0, d0: b.d0, share: shareRelativeErrors,
			})
		case k.Metric == ErrorRate:
			cs = append(cs, criterion{threshold: k.breach(), bets: absoluteBets{k.Limit}, limit: k.Limit, share: shareAbsoluteErrors})
		}
	}
	sum := 0.0
	for i := range cs {
		sum += cs[i].share
	}
	for i := range cs {
		cs[i].share /= sum
		cs[i].calm = "no proof that " + ErrorRate + " " + cs[i].threshold
	}
	return cs
}

// add weighs one block.
func (c *criterion) add(s *step) {
	most := 10 * grid * s.bound / c.share
	c.Canary.start(s.starting)
	if !c.relative {
		c.Canary.add(c.bets, s.At, s.CanaryAll, s.Stable, true, s.limit, most)
		if s.Stable.Requests > 0 {
			c.Stable.start(stableMass)
		}
		c.Stable.add(c.bets, s.At, s.Stable, Counts{}, true, stableMost, stableMost)
		c.excuse(s.least)
		return
	}
	b, alone := c.bets, false
	if p0 := c.r0*s.thin + c.d0; s.thin > 0 && p0 < tripCeiling {
		b, alone = absoluteBets{p0}, true
	}
	c.Canary.add(b, s.At, s.Canary, s.Stable, alone, s.limit, most)
}

// excuse decides whether stable is over the absolute limit too. When it no longer
// is, no more than w of what was held against the canary meanwhile is left.
func (c *criterion) excuse(w float64) {
	was := c.Excused
	c.Excused = c.Stable.evidence() >= suspicion
	if !c.Excused && c.Canary.evidence() >= suspicion {
		_, r := c.Canary.best()
		c.Excused = r.Stable.Failed >= excuseFailures && r.Stable.Rate() > c.limit
	}
	if was && !c.Excused {
		c.Canary.forget(w)
	}
}

// evidence that counts against the canary.
func (c *criterion) evidence() float64 {
	if c.Excused {
		return 0
	}
	return c.Canary.evidence()
}

func short(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

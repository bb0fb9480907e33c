package analysis

import "math"

// Shares of the budget by kind of criterion, relative to each other: those that a judge has
// are made to sum to 1, and several of a kind share equally (judgement 2.8).
const (
	shareRelativeErrors  = 0.5
	shareRelativeLatency = 0.2
	shareAbsoluteErrors  = 0.1
	shareAbsoluteLatency = 0.1
	shareHangs           = 0.1
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

// charge is one criterion of a breach with the evidence for it.
type charge struct {
	measure
	threshold string
	calm      string // what to say while it is inconclusive
	share     float64
	bets      bets
	limit     float64 // absolute: the rate that is too much; hangs: how many a block

	Canary  detector `json:"canary,omitzero"`
	Stable  detector `json:"stable,omitzero"`  // absolute: stable against the same limit
	Excused bool     `json:"excused,omitzero"` // stable is as bad
	Window  *slider  `json:"window,omitempty"` // mode window: in place of Canary
}

// charges leaves out criteria that mean nothing.
func charges(o JudgeOptions) []charge {
	var cs []charge
	for _, k := range o.Breach {
		if k.meaningful() {
			cs = append(cs, newCharge(k, o))
		}
	}
	apportion(cs)
	return cs
}

func newCharge(k Criterion, o JudgeOptions) charge {
	c := charge{measure: newMeasure(k, o, false), threshold: k.breach()}
	c.calm = "no proof that " + k.Metric + " " + c.threshold
	switch {
	case c.relative() && k.latency():
		c.bets = &tailBets{pb: k.tail(), ratios: c.ratios}
	case c.relative():
		c.bets = &relativeBets{r0: c.r0, d0: c.d0, ratios: c.ratios}
	case k.Metric == Hangs:
		c.limit = k.Limit / blocksAMinute
		c.bets = poissonBets(c.limit)
	case k.latency():
		c.limit = k.tail()
	case k.Metric == SuccessRate:
		c.limit = 1 - k.Limit
	default:
		c.limit = k.Limit
	}
	if c.bets == nil {
		c.bets = absoluteBets{p0: c.limit}
	}
	if o.Window > 0 {
		c.Window = newSlider(o.Window)
	}
	return c
}

// apportion gives every charge its share.
func apportion(cs []charge) {
	of := map[float64]float64{} // charges by the share of their kind
	for i := range cs {
		cs[i].share = cs[i].kindShare()
		of[cs[i].kindKey()]++
	}
	sum := 0.0
	for i := range cs {
		cs[i].share /= of[cs[i].kindKey()]
		sum += cs[i].share
	}
	for i := range cs {
		cs[i].share /= sum
	}
}

func (c *charge) kindShare() float64 {
	switch {
	case c.of.Metric == Hangs:
		return shareHangs
	case c.of.latency() && c.relative():
		return shareRelativeLatency
	case c.of.latency():
		return shareAbsoluteLatency
	case c.relative():
		return shareRelativeErrors
	}
	return shareAbsoluteErrors
}

// kindKey tells the kinds apart.
func (c *charge) kindKey() float64 {
	key := c.kindShare()
	if c.of.latency() {
		key = -key
	}
	if c.of.Metric == Hangs {
		key *= 1000
	}
	return key
}

// step is one block with what was decided about it before it was looked at.
type step struct {
	Block
	starting  float64 // mass that starts with it
	least     float64 // mass that starts with any block that has traffic of the canary
	guard     burstGuard
	bound     float64 // the judge's
	alpha     float64 // what a bound on stable may err with
	look      float64 // mode window: chance of a false breach that one look may have
	least1    uint64  // mode window: requests of the canary that it needs
	cold      bool    // the version's first traffic
	thin      bool    // stable has next to no traffic
	baseline  *baseline
	reference *reference
}

// add weighs one block.
func (c *charge) add(s *step) {
	p, ok := c.read(s, &c.Canary.Pending)
	c.Canary.start(s.starting)
	if !ok {
		return
	}
	if c.Window != nil {
		c.Window.add(s.At, p, c, s)
	} else {
		c.weigh(s, p)
	}
	if c.relative() {
		return
	}
	if p.stable.Requests > 0 {
		c.Stable.start(stableMass)
	}
	c.Stable.add(c.bets, s.At, p.stable, Counts{}, true, unguarded(), stableMost)
	c.excuse(s.least)
}

func (c *charge) weigh(s *step, p pair) {
	most := 10 * grid * s.bound / c.share
	b, alone := c.bets, !c.relative()
	if s.thin && c.relative() {
		if p0 := c.r0*p.upper(s.alpha*c.share) + c.d0; p0 < tripCeiling {
			b, alone = absoluteBets{p0: p0}, true
		}
	}
	c.Canary.add(b, s.At, p.canary, p.stable, alone, s.guard, most)
}

// excuse decides whether stable is over the absolute limit too. When it no longer
// is, no more than w of what was held against the canary meanwhile is left.
func (c *charge) excuse(w float64) {
	was := c.Excused
	c.Excused = c.Stable.evidence() >= suspicion
	if !c.Excused && c.held() >= suspicion {
		_, r := c.best()
		c.Excused = r.Stable.Failed >= excuseFailures && r.Stable.Rate() > c.limit
	}
	if was && !c.Excused {
		c.Canary.forget(w)
		c.Window.forget()
	}
}

// held is what speaks against the canary, excused or not.
func (c *charge) held() float64 {
	if c.Window != nil {
		return c.Window.Evidence
	}
	return c.Canary.evidence()
}

// evidence that counts against the canary.
func (c *charge) evidence() float64 {
	if c.Excused {
		return 0
	}
	return c.held()
}

// weight is what the charge adds to M. A window's level has its share already.
func (c *charge) weight() float64 {
	if c.Window != nil {
		return c.evidence()
	}
	return c.share * c.evidence()
}

// best is the alternative and the run that explain the evidence.
func (c *charge) best() (int, run) {
	if c.Window != nil {
		return 0, c.Window.run()
	}
	return c.Canary.best()
}

// effect is the rate of the canary, or its ratio to stable's: the measured one if
// stable failed at all, else the alternative that fits best.
func (c *charge) effect(alternative int, r run) float64 {
	if !c.relative() {
		return r.Canary.Rate()
	}
	if r.Stable.Rate() > 0 {
		return r.Canary.Rate() / r.Stable.Rate()
	}
	if r.Canary.Failed > 0 {
		return c.ratios[alternative]
	}
	return 0
}

// poissonBets test that hangs come at most at a rate, of perBlock, whatever the traffic;
// Requests are blocks.
type poissonBets float64

func (b poissonBets) weigh(canary, _ Counts, l *[grid]float64) {
	for j, rho := range multiples {
		l[j] = float64(canary.Failed)*math.Log(rho) - float64(canary.Requests)*float64(b)*(rho-1)
	}
}

const blocksAMinute = 60

package analysis

import (
	"math"
	"time"
)

// JudgeOptions say what a Judge looks for. The zero value looks for nothing.
type JudgeOptions struct {
	Breach    []Criterion   `json:",omitzero"` // any one of these condemns; the others are left alone
	MinEffect float64       `json:",omitzero"` // smallest difference in rate that matters; default 0.001
	MinDelay  time.Duration `json:",omitzero"` // smallest difference of latencies that matters; default 5 ms, negative: any
	Strict    bool          `json:",omitzero"` // 2.3: a ratio is the bound itself, not the point of indifference
	Alpha     float64       `json:",omitzero"` // chance of a false breach over Horizon; 0: the standing budget, one in a hundred months
	Canaries  int           `json:",omitzero"` // versions that share Alpha; default 1
	Horizon   time.Duration `json:",omitzero"` // planned length of the rollout; default 1 h; unused without Alpha
	Guard     int           `json:",omitzero"` // burst guard m: so many bad blocks in a row don't condemn; default 4
	WarmUp    time.Duration `json:",omitzero"` // of the version's first traffic, slowness up to 4x is excused; default 30 s, negative: none
	HangAge   time.Duration `json:",omitzero"` // in flight for longer, a request hangs; rounded up to 1, 2, 4, 8, 16 or 32 s; default 4 s

	// Window, if positive, puts the literal rule over a sliding window (1 s…15 min) in
	// place of the weighing of all evidence; MinRequests of the canary must lie in it.
	Window      time.Duration `json:",omitzero"`
	MinRequests uint64        `json:",omitzero"`
}

func (o JudgeOptions) withDefaults() JudgeOptions {
	if o.MinEffect <= 0 {
		o.MinEffect = 0.001
	}
	if o.MinDelay == 0 {
		o.MinDelay = 5 * time.Millisecond
	}
	if o.Guard <= 0 {
		o.Guard = 4
	}
	if o.Alpha > 0 && o.Horizon <= 0 {
		o.Horizon = time.Hour
	}
	if o.Alpha > 0 && o.Canaries > 1 {
		o.Alpha /= float64(o.Canaries)
	}
	if o.WarmUp == 0 {
		o.WarmUp = 30 * time.Second
	}
	return o
}

func (o JudgeOptions) hangAge() time.Duration {
	if o.HangAge <= 0 {
		return 4 * time.Second
	}
	return time.Second << min(overdueAge(o.HangAge.Seconds()), overdueAges-1)
}

// Judge weighs the evidence about one version against stable, block by block.
// Not safe for concurrent use: it belongs to the controller. It marshals to
// JSON and back so that evidence survives a restart. It does not latch: what is
// condemned stays so by the controller's doing, and gets a new Judge when released.
type Judge struct {
	options   JudgeOptions
	mass      startMass
	bound     float64 // evidence that condemns
	guard     burstGuard
	look      float64 // mode window: chance of a false breach that one look may have
	warmUp    int64   // blocks
	charges   []charge
	blocks    int64   // with traffic of the canary
	rest      float64 // mass not yet started
	baseline  baseline
	reference reference
	endpoints endpoints
	stage     *stage // nil: none runs
	overdue   uint64 // of the canary, at the last block
	last      step   // here so as not to allocate
}

// NewJudge makes a Judge with no evidence. Limits that mean nothing (a ratio of 0, a
// rate of 1) are left out; config refuses them with a reason.
func NewJudge(o JudgeOptions) *Judge {
	j := &Judge{options: o}
	o = o.withDefaults()
	j.mass, j.bound = standingMass(), 1/standingAlpha
	if o.Alpha > 0 {
		j.mass, j.bound = rolloutMass(o.Horizon), 1/o.Alpha
		j.rest = j.mass.planned + j.mass.reserve
	}
	j.look = 1 / hundredMonths
	if o.Alpha > 0 {
		j.look = o.Alpha / max(1, o.Horizon.Seconds())
	}
	j.charges = charges(o)
	for i := range j.charges {
		j.charges[i].Canary.start(j.mass.first)
	}
	j.guard = newBurstGuard(j.bound, o.Guard)
	j.warmUp = int64(o.WarmUp / time.Second)
	return j
}

// Options are those the Judge was made with.
func (j *Judge) Options() JudgeOptions { return j.options }

// Latencies reports whether any criterion needs a block's latencies.
func (j *Judge) Latencies() bool {
	for i := range j.charges {
		if j.charges[i].slowness() {
			return true
		}
	}
	if j.stage != nil {
		for i := range j.stage.Gates {
			if j.stage.Gates[i].slowness() {
				return true
			}
		}
	}
	return false
}

// Add weighs one block and says where the evidence stands. A block without traffic
// of the canary costs nothing of the budget.
func (j *Judge) Add(b Block) Verdict {
	s := &j.last
	*s = step{
		Block: b, least: j.mass.at(j.blocks), guard: j.guard, bound: j.bound, alpha: j.boundAlpha(),
		look: j.look, least1: j.options.MinRequests, cold: j.blocks < j.warmUp,
		baseline: &j.baseline, reference: &j.reference,
	}
	s.thin = j.baseline.add(&s.Block)
	late := b.CanaryAllOverdue[0] > j.overdue // a version that hangs has traffic too
	j.overdue = b.CanaryAllOverdue[0]
	if b.Canary.Requests > 0 || b.CanaryAll.Requests > 0 || late {
		s.starting = s.least
		j.blocks++
		j.rest = math.Max(0, j.rest-s.starting)
	}
	for i := range j.charges {
		j.charges[i].add(s)
	}
	if j.stage != nil {
		j.stage.add(s)
	}
	if !s.thin {
		j.reference.add(b.StableLatency)
	}
	if c := j.loudest(); c != nil {
		_, r := c.best()
		j.endpoints.add(&s.Block, r.Since)
	}
	*s = step{}
	return j.Verdict()
}

// evidence is M: the charges', by their shares, and what has not started. The exact
// bounds of mode window don't add up: there the strongest counts, each within its share.
func (j *Judge) evidence() float64 {
	m := j.rest
	if j.options.Window > 0 {
		m = 0
	}
	for i := range j.charges {
		c := &j.charges[i]
		if c.Window != nil {
			m = math.Max(m, c.weight())
			continue
		}
		m += c.weight()
	}
	return m
}

// boundAlpha is what the bound on stable's rate may err with in one of its generations
// of an hour: a tenth of the budget, over the hours of a month.
func (j *Judge) boundAlpha() float64 { return 1 / j.bound / 10 / 730 }

// Baseline is the rate to call Trip.SetBaseline with: stable's in the last ten
// seconds or so, or, while stable has less than a tenth of the traffic, an upper bound
// (99 %) on what it had before.
func (j *Judge) Baseline() float64 { return j.baseline.rate() }

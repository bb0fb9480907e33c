package analysis

import (
	"math"
	"time"
)

// PlanOptions describe traffic that is to be judged. Zero values are the defaults of
// JudgeOptions and PromotionOptions.
type PlanOptions struct {
	Ratio     float64       // "error_rate > 1.5x stable"; default 1.5
	Limit     float64       // absolute, 0…1: in place of Ratio
	MinEffect float64       // default 0.001
	Strict    bool          //
	Alpha     float64       // default 0.01
	Share     float64       // the criterion's part of Alpha, 0…1; default 1 (it is the only one)
	Guard     int           // default 4
	Late      bool          // the fault begins in the middle, not with the first request
	Horizon   time.Duration // planned; default 1 h; for Late
	Beta      float64       // default 0.05
	Delta     float64       // default 0.005
}

func (o PlanOptions) withDefaults() PlanOptions {
	if !(o.Ratio > 0) {
		o.Ratio = 1.5
	}
	if !(o.MinEffect > 0) {
		o.MinEffect = 0.001
	}
	if !(o.Alpha > 0 && o.Alpha < 1) {
		o.Alpha = 0.01
	}
	if !(o.Share > 0 && o.Share <= 1) {
		o.Share = 1
	}
	if o.Guard <= 0 {
		o.Guard = 4
	}
	if o.Horizon <= 0 {
		o.Horizon = time.Hour
	}
	p := PromotionOptions{Beta: o.Beta, Delta: o.Delta}.withDefaults()
	o.Beta, o.Delta = p.Beta, p.Delta
	return o
}

// Plan foretells what the judge can see in given traffic (judgement 2.9, equation 4). It is a
// value without state; all of its figures are expectations, the 95th percentile is about
// twice as long.
type Plan struct {
	perSecond, share, base float64
	o                      PlanOptions
}

// NewPlan is a plan for a service of perSecond requests, of which the part share (0…1) goes to the
// canary, where stable fails at the rate base (0…1).
func NewPlan(perSecond, share, base float64, o PlanOptions) Plan {
	clamp := func(x float64) float64 { return math.Min(math.Max(x, 0), 1) }
	return Plan{math.Max(perSecond, 0), clamp(share), clamp(base), o.withDefaults()}
}

// longestPlan is where a plan says "never".
const longestPlan = 10 * 365 * 24 * time.Hour

// Delay is how long it takes to condemn a canary that fails at a rate (0…1). ok is false
// if it would not be: it is within what the judge calls healthy, or there is no traffic.
func (p Plan) Delay(rate float64) (d time.Duration, ok bool) {
	gain := p.gain(rate)
	if !(gain > 0) {
		return 0, false
	}
	mass := firstMass
	if p.o.Late {
		mass = rolloutMass(p.o.Horizon).at(1)
	}
	need := math.Log(grid / (p.o.Alpha * p.o.Share * mass))
	g := p.guard()
	// What the guard holds up speaks for every alternative alike, so it needs less.
	seconds := math.Max(need/gain, (need-math.Log(grid)-g.room)/g.refill+1)
	// A block is weighed at its end, and only when both sides had a request.
	quiet := p.perSecond * math.Min(p.share, 1-p.share)
	if p.o.Limit > 0 {
		quiet = p.perSecond * p.share
	}
	seconds = math.Max(math.Ceil(seconds), 1/quiet)
	if seconds > longestPlan.Seconds() {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

func (p Plan) guard() burstGuard { return newBurstGuard(1/p.o.Alpha, p.o.Guard) }

// gain is what a second adds to the logarithm of the best alternative's evidence, with
// no more in one than the burst guard has room for.
func (p Plan) gain(rate float64) float64 {
	nc, nb := p.perSecond*p.share, p.perSecond*(1-p.share)
	limit := p.guard().room
	best := 0.0
	if p.o.Limit > 0 {
		for _, rho := range multiples {
			best = math.Max(best, guarded(nc*rate, math.Log(rho), -nc*p.o.Limit*(rho-1), limit))
		}
		return best
	}
	b := newRelativeBets(p.o.Ratio, p.o.MinEffect, p.o.Strict)
	for _, ratio := range b.ratios {
		if nc <= 0 || nb <= 0 {
			return 0
		}
		total := b.r0*nc + nb
		theta, q := b.r0*nc/total, ratio*nc/(ratio*nc+nb)
		rest := nb*p.base*math.Log((1-q)/(1-theta)) - b.d0/b.r0*(q-theta)*total
		best = math.Max(best, guarded(nc*rate, math.Log(q/theta), rest, limit))
	}
	return best
}

// guarded is the mean of min(k·up + rest, limit), where k failures come by chance around a mean.
func guarded(mean, up, rest, limit float64) float64 {
	const large = 500
	if !(mean > 0) || mean > large || up <= 0 {
		return math.Min(mean*up+rest, limit)
	}
	free := math.Max(0, math.Floor((limit-rest)/up)) // failures that the guard lets count
	chance, sum, left := math.Exp(-mean), 0.0, 1.0
	for k := 0.0; k <= free && k < 4*large; k++ {
		sum += chance * (k*up + rest)
		left -= chance
		chance *= mean / (k + 1)
	}
	return sum + math.Max(0, left)*limit
}

// information is what one request of both sides together adds to the logarithm of the
// evidence for an alternative: w is the canary's part, pc and pb are both rates.
func information(r0, d0, ratio, w, pc, pb float64) float64 {
	if w <= 0 || w >= 1 {
		return 0
	}
	total := r0*w + 1 - w
	theta, q := r0*w/total, ratio*w/(ratio*w+1-w)
	return w*pc*math.Log(q/theta) + (1-w)*pb*math.Log((1-q)/(1-theta)) - d0/r0*(q-theta)*total
}

// Smallest is the lowest rate of the canary that is condemned within d; ok is false if
// not even a canary that fails entirely is.
func (p Plan) Smallest(d time.Duration) (rate float64, ok bool) {
	within := func(rate float64) bool {
		got, ok := p.Delay(rate)
		return ok && got <= d
	}
	if !within(1) {
		return 0, false
	}
	low, high := 0.0, 1.0
	for range 50 {
		if mid := (low + high) / 2; within(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high, true
}

// Requests of the canary that it takes to pass a stage that asks for "as good as
// stable" (Ratio and Delta; with Limit: under Limit), if the canary fails at a rate. ok is
// false if no number would do.
func (p Plan) Requests(rate float64) (n uint64, ok bool) {
	best := 0.0
	for _, f := range fractions {
		x := rate*math.Log(f) + p.o.Limit*(1-f)
		if p.o.Limit <= 0 && p.share > 0 {
			x = information(p.o.Ratio, p.o.Delta, p.o.Ratio*f, p.share, rate, p.base) / p.share
		}
		best = math.Max(best, x)
	}
	if !(best > 0) {
		return 0, false
	}
	need := math.Log(grid/p.o.Beta) / best
	if need > 1e15 {
		return 0, false
	}
	return uint64(math.Ceil(need)), true
}

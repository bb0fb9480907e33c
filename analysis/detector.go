package analysis

import (
	"math"
	"time"
)

// detector is one e-process: a mixture over grid effect sizes and over change times
// (a weighted Shiryaev–Roberts recursion, judgement 2.2). Its fields are what is kept
// over a restart, and what is zero is left out: most of most is.
type detector struct {
	Mass    [grid]float64 `json:"mass,omitzero"` // S_j: evidence for each alternative, over all starts so far
	Runs    [grid]run     `json:"runs,omitzero"` // only to explain
	Pending pending       `json:"pending,omitzero"`
	Spent   spent         `json:"spent,omitzero"` // of the burst guard's room

	l [grid]float64 // of the block being weighed; here so as not to allocate
}

// run follows one alternative since the change that speaks most for it: the score is
// that of a CUSUM, which stands at 0 where the change most likely was.
type run struct {
	Score  float64   `json:"score,omitzero"`
	Since  time.Time `json:"since,omitzero"`
	Canary Counts    `json:",omitzero"`
	Stable Counts    `json:",omitzero"`
}

// pending are blocks that wait for a request on the other side. Whether they are
// weighed depends on arrivals alone, never on outcomes.
type pending struct {
	Since  time.Time `json:"since,omitzero"`
	Canary Counts    `json:",omitzero"`
	Stable Counts    `json:",omitzero"`
}

func (p *pending) empty() bool { return p.Canary.Requests == 0 && p.Stable.Requests == 0 }

// start lets w of every alternative's mass begin with the coming block.
func (d *detector) start(w float64) {
	for j := range d.Mass {
		d.Mass[j] += w
	}
}

// add weighs one block with b. guard caps what blocks can add, and most the mass: both
// only lower the evidence, which keeps it valid. Unless alone, a
// block waits for requests of both sides; weighed reports whether it had not to.
func (d *detector) add(b bets, at time.Time, canary, stable Counts, alone bool, guard burstGuard, most float64) (weighed bool) {
	p := &d.Pending
	if p.Since.IsZero() {
		p.Since = at
	}
	p.Canary, p.Stable = p.Canary.Add(canary), p.Stable.Add(stable)
	if p.Canary.Requests == 0 || (p.Stable.Requests == 0 && !alone) {
		return false
	}
	b.weigh(p.Canary, p.Stable, &d.l)
	d.Spent.rest(guard, at)
	for j := range d.Mass {
		x := d.Spent.allow(guard, j, d.l[j])
		d.Mass[j] = math.Min(d.Mass[j]*math.Exp(x), most)
		d.Runs[j].follow(p, x)
	}
	d.Pending = pending{}
	return true
}

func (r *run) follow(p *pending, x float64) {
	if r.Score <= 0 || r.Since.IsZero() {
		*r = run{Since: p.Since}
	}
	r.Score += x
	r.Canary, r.Stable = r.Canary.Add(p.Canary), r.Stable.Add(p.Stable)
}

// evidence is the mean over the alternatives.
func (d *detector) evidence() float64 {
	sum := 0.0
	for _, s := range d.Mass {
		sum += s
	}
	return sum / grid
}

// forget leaves no more than w of evidence to any alternative.
func (d *detector) forget(w float64) {
	for j := range d.Mass {
		d.Mass[j] = math.Min(d.Mass[j], w)
	}
	d.Runs = [grid]run{}
}

// best is the alternative, and its run, that explains the evidence best.
func (d *detector) best() (j int, r run) {
	for i := range d.Runs {
		if d.Runs[i].Score > d.Runs[j].Score {
			j = i
		}
	}
	return j, d.Runs[j]
}

package comparison

import (
	"cmp"
	"slices"
	"time"
)

// Report is where a comparison stands. Shares are 0..1; low and high are 99 %
// bounds. It is a copy: the caller may keep and change it.
type Report struct {
	Service string    `json:"service"`
	Stable  string    `json:"stable"`
	Shadow  string    `json:"shadow"`
	Since   time.Time `json:"since,omitzero"` // of the first comparison, or of the last reset

	Mirrored  uint64            `json:"mirrored"`  // copied requests that have ended, compared or not
	Compared  uint64            `json:"compared"`  // with stable's answer
	Differing uint64            `json:"differing"` // of Compared, in whatever field
	Truncated uint64            `json:"truncated"` // of Compared, up to a cap only
	Skipped   map[string]uint64 `json:"skipped"`   // not compared, by reason

	NoiseCompared  uint64 `json:"noise_compared"` // answers of stable compared with stable's own
	NoiseDiffering uint64 `json:"noise_differing"`

	Rate       float64 `json:"rate"`  // Differing of Compared
	Noise      float64 `json:"noise"` // NoiseDiffering of NoiseCompared
	Excess     float64 `json:"difference"`
	ExcessLow  float64 `json:"difference_low"`
	ExcessHigh float64 `json:"difference_high"`
	Verdict    Verdict `json:"verdict"`
	Reported   bool    `json:"reported"`

	Fields   []Field `json:"fields"`   // the largest excess first
	Overflow uint64  `json:"overflow"` // comparisons with differences that found no room among 200 fields
}

// Field is one place in answers and how it differs there.
type Field struct {
	Path string `json:"path"` // indexes of arrays, and names that look like ids, are [*]
	Kind Kind   `json:"kind"`

	Count      uint64    `json:"count"` // comparisons in which it differed
	NoiseCount uint64    `json:"noise_count"`
	Rate       float64   `json:"rate"`
	Noise      float64   `json:"noise"`
	Excess     float64   `json:"difference"`
	ExcessLow  float64   `json:"difference_low"`
	ExcessHigh float64   `json:"difference_high"`
	Verdict    Verdict   `json:"verdict"`
	Reported   bool      `json:"reported"`
	Examples   []Example `json:"examples"` // the latest, oldest first
}

// Example is one request whose answers differed in a field.
type Example struct {
	At        time.Time `json:"at"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	RequestID string    `json:"request_id"`
	Field     string    `json:"field"` // with its index
	Stable    string    `json:"stable"`
	Shadow    string    `json:"shadow"`
}

// Report says what differs and what of it is more than noise: where the rate
// exceeds the noise's by 20 % of it and by 0.03 %, both beyond chance.
//
// How little is known of the noise counts against reporting: its share is taken
// with Wilson's bounds. After the first 20 answers of stable without a difference
// it may still be up to 25 %, after 200 up to 3 %; until then a rarer
// difference is unclear, not reported. Fields are judged one by one at 99 %, so of
// hundreds that differ by noise alone some may stand out for a while.
//
// The whole comparison's Excess is the largest of the whole answers' and of any
// one field's: where a timestamp makes each answer differ, whole answers tell nothing.
func (t *Tally) Report() Report {
	t.mu.Lock()
	c := t.counts.copied()
	t.mu.Unlock()
	shadow, noise := share{c.shadow.differing, c.shadow.compared}, share{c.noise.differing, c.noise.compared}
	r := Report{
		Since: c.since, Mirrored: c.shadow.compared, Compared: c.shadow.compared, Differing: c.shadow.differing,
		Truncated: c.truncated, Skipped: c.skipped,
		NoiseCompared: c.noise.compared, NoiseDiffering: c.noise.differing,
		Rate: shadow.rate(), Noise: noise.rate(), Verdict: judge(shadow, noise),
		Fields: make([]Field, 0, len(c.fields)), Overflow: c.overflow,
	}
	for _, n := range c.skipped {
		r.Mirrored += n
	}
	r.Excess, r.ExcessLow, r.ExcessHigh = excess(shadow, noise)
	for key, e := range c.fields {
		f := e.report(key, &c)
		r.Fields = append(r.Fields, f)
		if f.Excess > r.Excess {
			r.Excess, r.ExcessLow, r.ExcessHigh = f.Excess, f.ExcessLow, f.ExcessHigh
		}
		r.Verdict = worse(r.Verdict, f.Verdict)
	}
	r.Reported = r.Verdict == Reported
	slices.SortFunc(r.Fields, func(a, b Field) int {
		return cmp.Or(cmp.Compare(b.Excess, a.Excess), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind))
	})
	return r
}

func (e *entry) report(key field, c *counts) Field {
	shadow, noise := share{e.shadow, c.shadow.compared}, share{e.noise, c.noise.compared}
	f := Field{
		Path: key.path, Kind: key.kind, Count: e.shadow, NoiseCount: e.noise,
		Rate: shadow.rate(), Noise: noise.rate(), Verdict: judge(shadow, noise),
		Examples: append(append([]Example{}, e.examples[e.at:]...), e.examples[:e.at]...),
	}
	f.Excess, f.ExcessLow, f.ExcessHigh = excess(shadow, noise)
	f.Reported = f.Verdict == Reported
	return f
}

// worse is the verdict that says more against a shadow.
func worse(a, b Verdict) Verdict {
	for _, v := range []Verdict{Reported, Unclear} {
		if a == v || b == v {
			return v
		}
	}
	return Noise
}

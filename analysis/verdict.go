package analysis

import (
	"fmt"
	"slices"
	"time"
)

// Standing is where the evidence stands. The zero value is Inconclusive.
type Standing uint8

// Suspicious: strong, not proof (M ≥ 10). Environment: stable is as bad. Breach: proof.
// BadEndpoint: proof against one endpoint (Verdict.Endpoint), while others of the
// version are well.
const (
	Inconclusive Standing = iota
	Suspicious
	Environment
	Breach
	BadEndpoint
)

var standings = [...]string{"inconclusive", "suspicious", "environment", "breach", "bad endpoint"}

// String is the standing in lower case, as in the API.
func (s Standing) String() string {
	if int(s) >= len(standings) {
		return "unknown"
	}
	return standings[s]
}

// MarshalText is String.
func (s Standing) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Standing) UnmarshalText(text []byte) error {
	i := slices.Index(standings[:], string(text))
	if i < 0 {
		return fmt.Errorf("standing: %q is none", text)
	}
	*s = Standing(i)
	return nil
}

// Verdict is what a Judge says after a block, with all that it stands on.
type Verdict struct {
	Standing  Standing      `json:"standing"`
	Metric    string        `json:"metric"`             // of the criterion with the most evidence
	Threshold string        `json:"threshold"`          // that criterion: "> 1.5x stable"
	Evidence  float64       `json:"evidence"`           // M now
	Bound     float64       `json:"bound"`              // M that condemns
	Since     time.Time     `json:"since"`              // most likely change
	Canary    Counts        `json:"canary"`             // since then; Failed: failed, slow or hanging, as the metric says
	Stable    Counts        `json:"stable"`             // the same of stable
	Slow      time.Duration `json:"slow,omitempty"`     // of a latency: what counts as slow for the canary
	Effect    float64       `json:"effect"`             // the ratio (or rate) that explains it best
	Endpoint  string        `json:"endpoint,omitempty"` // it is this endpoint, not the version
	Summary   string        `json:"summary"`            // one sentence for people
}

// Verdict says where the evidence stands, as the last Add did.
func (j *Judge) Verdict() Verdict {
	v := Verdict{Metric: ErrorRate, Evidence: j.evidence(), Bound: j.bound}
	c := j.loudest()
	if c == nil {
		v.Summary = "nothing to judge by"
		return v
	}
	switch {
	case v.Evidence >= j.bound:
		v.Standing = Breach
	case c.Excused:
		v.Standing = Environment
	case v.Evidence >= suspicion:
		v.Standing = Suspicious
	}
	v.Threshold = c.threshold
	alternative, run := c.Canary.best()
	v.Since, v.Canary, v.Stable = run.Since, run.Canary, run.Stable
	v.Effect = c.effect(alternative, run)
	v.Summary = v.sentence(c)
	return v
}

// loudest is the criterion that weighs most: an excused one only if no other would
// be suspicious, and only if the canary is over its limit at all.
func (j *Judge) loudest() *criterion {
	var top, excused *criterion
	for i := range j.criteria {
		c := &j.criteria[i]
		if top == nil || c.share*c.evidence() > top.share*top.evidence() {
			top = c
		}
		if c.Excused && c.Canary.evidence() >= suspicion {
			excused = c
		}
	}
	if excused != nil && j.evidence() < suspicion {
		return excused
	}
	return top
}

// effect is the rate of the canary, or its ratio to stable's: the measured one if
// stable failed at all, else the alternative that fits best.
func (c *criterion) effect(alternative int, r run) float64 {
	switch b := c.bets.(type) {
	case *relativeBets:
		if r.Stable.Rate() > 0 {
			return r.Canary.Rate() / r.Stable.Rate()
		}
		if r.Canary.Failed > 0 {
			return b.ratios[alternative]
		}
		return 0
	default:
		return r.Canary.Rate()
	}
}

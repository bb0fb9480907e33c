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
// version are well; only where blocks carry Endpoints. It goes on until that endpoint is
// ejected, so a caller that can't eject one leaves Endpoints out.
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
	Effect    float64       `json:"effect"`             // the canary's rate, or its ratio to stable's, of what Failed counts
	Endpoint  string        `json:"endpoint,omitempty"` // it is this endpoint, not the version
	Summary   string        `json:"summary"`            // one sentence for people
}

// Verdict says where the evidence stands, as the last Add did.
func (j *Judge) Verdict() Verdict {
	v := Verdict{Evidence: j.evidence(), Bound: j.bound}
	c := j.loudest()
	if c == nil {
		v.Summary = "nothing to judge by"
		return v
	}
	v.Metric, v.Threshold, v.Slow = c.of.Metric, c.threshold, c.slow()
	switch {
	case v.Evidence >= j.bound:
		v.Standing = Breach
		if e, ok := JudgeEndpoints(j.endpoints.counts, j.endpoints.stable); ok && c.relative() && !c.slowness() {
			v.Standing, v.Endpoint = BadEndpoint, e
		}
	case c.Excused:
		v.Standing = Environment
	case v.Evidence >= suspicion:
		v.Standing = Suspicious
	}
	alternative, run := c.best()
	v.Since, v.Canary, v.Stable = run.Since, run.Canary, run.Stable
	v.Effect = c.effect(alternative, run)
	v.Summary = v.sentence(c)
	return v
}

// loudest is the charge that weighs most: an excused one only if no other would
// be suspicious, and only if the canary is over its limit at all.
func (j *Judge) loudest() *charge {
	var top, excused *charge
	for i := range j.charges {
		c := &j.charges[i]
		if top == nil || c.weight() > top.weight() {
			top = c
		}
		if c.Excused && c.held() >= suspicion {
			excused = c
		}
	}
	if excused != nil && j.evidence() < suspicion {
		return excused
	}
	return top
}

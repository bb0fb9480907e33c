package analysis

import (
	"strconv"
	"strings"
	"time"
)

// sentence says in one line what was found, on which counts, how large, since when
// and how sure it is.
func (v *Verdict) sentence(c *charge) string {
	if v.Standing == Inconclusive {
		return c.calm
	}
	var b strings.Builder
	b.WriteString(v.Metric + " " + v.Threshold)
	switch v.Standing {
	case Suspicious:
		b.WriteString(" is suspected: ")
	case Environment:
		b.WriteString(", but stable is as bad: ")
	case BadEndpoint:
		b.WriteString(" is proved of endpoint " + v.Endpoint + ", not of the version: ")
	default:
		b.WriteString(" is proved: ")
	}
	b.WriteString(c.of.counts(v.Canary) + " " + c.counted() + ", stable " + c.of.counts(v.Stable))
	if c.relative() {
		b.WriteString(", " + digits(v.Effect) + "x")
	}
	b.WriteString(", since " + v.Since.UTC().Format("15:04:05") + " UTC; evidence " + digits(v.Evidence) + " of " + short(v.Bound))
	return b.String()
}

// counts are both figures and their ratio; of hangs, Requests are seconds.
func (c Criterion) counts(n Counts) string {
	if c.Metric == Hangs && c.Absolute() {
		return strconv.FormatUint(n.Failed, 10) + " in " + (time.Duration(n.Requests) * time.Second).String()
	}
	return strconv.FormatUint(n.Failed, 10) + " of " + strconv.FormatUint(n.Requests, 10) + " (" + digits(100*n.Rate()) + "%)"
}

// sentence says what a stage still needs. weakest is nil where nothing is asked for.
func (p *Promotion) sentence(weakest *gate, v *Verdict) string {
	switch {
	case v.Standing != Inconclusive:
		return "held: " + v.Summary
	case weakest == nil && p.Missing == 0:
		return "nothing speaks against the version"
	case weakest == nil:
		return "too few requests so far: about " + strconv.FormatUint(p.Missing, 10) + " more are needed"
	}
	what := weakest.of.Metric + " " + weakest.threshold
	said := ": " + weakest.of.counts(p.Canary) + " " + weakest.counted()
	if weakest.relative() {
		said += ", stable " + weakest.of.counts(p.Stable)
	}
	said += "; evidence " + digits(p.Evidence) + " of " + short(p.Bound)
	switch {
	case p.Ready:
		return what + " is proved" + said
	case p.Missing > 0:
		return what + " is not proved yet" + said + ", about " + strconv.FormatUint(p.Missing, 10) + " more requests are needed"
	case p.Requests == 0:
		return what + " is not proved: no requests so far"
	}
	return what + " is not proved" + said + ", and at these rates it would not be"
}

func digits(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }

package analysis

import (
	"strconv"
	"strings"
)

// sentence says in one line what was found, on which counts, how large, since when
// and how sure it is.
func (v *Verdict) sentence(c *criterion) string {
	if v.Standing == Inconclusive {
		return c.calm
	}
	var b strings.Builder
	b.WriteString(ErrorRate + " " + c.threshold)
	switch v.Standing {
	case Suspicious:
		b.WriteString(" is suspected: ")
	case Environment:
		b.WriteString(", but stable is as bad: ")
	default:
		b.WriteString(" is proved: ")
	}
	b.WriteString(of(v.Canary) + " failed, stable " + of(v.Stable))
	if c.relative {
		b.WriteString(", " + strconv.FormatFloat(v.Effect, 'g', 3, 64) + "x")
	}
	b.WriteString(", since " + v.Since.UTC().Format("15:04:05") + " UTC; evidence " +
		strconv.FormatFloat(v.Evidence, 'g', 3, 64) + " of " + short(v.Bound))
	return b.String()
}

func of(c Counts) string {
	return strconv.FormatUint(c.Failed, 10) + " of " + strconv.FormatUint(c.Requests, 10) +
		" (" + strconv.FormatFloat(100*c.Rate(), 'g', 3, 64) + "%)"
}

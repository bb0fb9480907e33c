package simulation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"sluice/analysis"
	"sluice/internal/peers"
	"sluice/recording"
)

// Policy is what a recording is judged by.
type Policy struct {
	Judge analysis.JudgeOptions // Alpha 0: the standing budget, as outside a rollout
	// TripOff leaves out the fast cut.
	TripOff bool
}

// Replayed is what a policy would have done.
type Replayed struct {
	Service  string            `json:"service"`
	From     time.Time         `json:"from"`
	To       time.Time         `json:"to"`
	Torn     bool              `json:"torn,omitempty"` // the last line of the recording was not whole
	Versions []ReplayedVersion `json:"versions"`       // all but stable, in the order of their coming
}

// ReplayedVersion is one version's part.
type ReplayedVersion struct {
	Version string          `json:"version"`
	Seen    analysis.Counts `json:"seen"`              // in the whole recording
	Trip    *Cut            `json:"trip,omitempty"`    // the first one; nil: none
	Verdict *Cut            `json:"verdict,omitempty"` // nil: not condemned
	Last    string          `json:"last"`              // what the judge said in the end, in one sentence
}

// First is the cut that came first, nil if there was none.
func (v *ReplayedVersion) First() *Cut {
	if v.Verdict == nil || v.Trip != nil && !v.Trip.At.After(v.Verdict.At) {
		return v.Trip
	}
	return v.Verdict
}

// Cut is when and why a version would have been cut. Counts are of the recording: of what
// came after a cut nothing would have reached the version.
type Cut struct {
	By      string          `json:"by"`      // trip | verdict
	At      time.Time       `json:"at"`      // the end of the second that decided
	Until   analysis.Counts `json:"until"`   // the version's, from the start to then
	Reason  string          `json:"reason"`  // one sentence
	Verdict any             `json:"verdict"` // the evidence: analysis.Verdict or analysis.TripEvidence
}

// longestGap is how many seconds without a line are played as seconds without traffic;
// after that nothing is left to forget.
const longestGap = 900

// Replay judges a recording anew: its blocks go through the very Judge and Trip of
// production, a Judge and a Trip a version, begun anew when stable changes. Within a
// second the order of answers is not known: the trip gets failures spread evenly, the same
// way each time. What is recorded happened: a policy that cuts earlier
// than the one then in force is told well, one that would have sent more traffic is not.
func Replay(ctx context.Context, r *recording.Reader, p Policy) (Replayed, error) {
	re := replay{policy: p, out: Replayed{Service: r.Header().Service}}
	for {
		s, err := r.Read()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return Replayed{}, err
		}
		h := r.Header()
		re.add(&h, &s)
	}
	if re.out.From.IsZero() {
		return Replayed{}, errors.New("recording: no second in it")
	}
	re.out.Torn = r.Torn()
	for _, v := range re.versions {
		v.out.Last = v.judge.Verdict().Summary
		re.out.Versions = append(re.out.Versions, v.out)
	}
	return re.out, nil
}

type replay struct {
	policy   Policy
	stable   string
	versions []*replayed
	out      Replayed
}

// replayed is one version on trial.
type replayed struct {
	out   ReplayedVersion
	judge *analysis.Judge
	trip  *trip
}

func (re *replay) add(h *recording.Header, s *recording.Second) {
	if re.out.From.IsZero() {
		re.out.From = s.At
	}
	if h.Stable != re.stable {
		re.stable = h.Stable
		for _, v := range re.versions {
			re.try(v)
		}
	}
	re.idle(s.At)
	re.out.To = s.At.Add(time.Second)
	var stable *recording.Counts
	for i, name := range h.Versions {
		if name == h.Stable {
			stable = &s.Versions[i]
		}
	}
	for i, name := range h.Versions {
		if name != h.Stable {
			re.version(name).add(s.At, &s.Versions[i], stable)
		}
	}
}

// idle plays the seconds that have no line.
func (re *replay) idle(until time.Time) {
	if re.out.To.IsZero() {
		return
	}
	gap := min(int(until.Sub(re.out.To)/time.Second), longestGap)
	none := new(recording.Counts)
	for n := gap; n > 0; n-- {
		for _, v := range re.versions {
			v.add(until.Add(-time.Duration(n)*time.Second), none, none)
		}
	}
}

func (re *replay) version(name string) *replayed {
	for _, v := range re.versions {
		if v.out.Version == name {
			return v
		}
	}
	v := &replayed{out: ReplayedVersion{Version: name}}
	re.try(v)
	re.versions = append(re.versions, v)
	return v
}

// try begins a trial without evidence.
func (re *replay) try(v *replayed) {
	v.judge, v.trip = analysis.NewJudge(re.policy.Judge), nil
	if !re.policy.TripOff {
		v.trip = newTrip(rand.New(rand.NewPCG(1, 1)))
		v.trip.thorough = true
	}
}

func (v *replayed) add(at time.Time, canary, stable *recording.Counts) {
	v.out.Seen = v.out.Seen.Add(canary.All)
	end := at.Add(time.Second)
	if v.trip != nil && v.out.Trip == nil && v.trip.add(seen(at, canary, stable)) {
		e := v.trip.trip.Evidence()
		v.out.Trip = &Cut{By: "trip", At: end, Until: v.out.Seen, Verdict: e, Reason: fmt.Sprintf(
			"%d of %d attempts failed where %.3g %% are tolerated", e.Failures, e.Attempts, 100*e.P0)}
	}
	if v.out.Verdict != nil {
		return
	}
	verdict := v.judge.Add(analysis.Block{
		At: at, Canary: canary.Split, CanaryAll: canary.All, Stable: stable.Split,
		CanaryLatency: canary.Latency, CanaryAllLatency: canary.Latency, StableLatency: stable.Latency,
		CanaryOverdue: canary.Overdue, CanaryAllOverdue: canary.Overdue, StableOverdue: stable.Overdue,
	})
	if verdict.Standing == analysis.Breach {
		v.out.Verdict = &Cut{By: "verdict", At: end, Until: v.out.Seen, Verdict: verdict, Reason: verdict.Summary}
	}
}

// seen is a recorded second as a simulated one: in one piece.
func seen(at time.Time, canary, stable *recording.Counts) *second {
	p := piece{canary: peers.Counts(canary.All), stable: peers.Counts(stable.Split)}
	return &second{Second: peers.Second{Canary: p.canary, Stable: p.stable}, at: at, pieces: []piece{p}}
}

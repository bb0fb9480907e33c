package analysis

import (
	"math"
	"sync"
	atomicx "sync/atomic"

	"go.uber.org/atomic"
)

const (
	// LeastTolerated is the failure rate that never trips a version, however good
	// stable is.
	LeastTolerated = 0.01
	// tripFactor times the tolerated rate is the rate that the trip is tuned to
	// find, up to tripCeiling.
	tripFactor  = 5
	tripCeiling = 0.5
	// sharedAlpha is the chance that "as bad as stable?" takes stable for better than
	// it is; wellAlpha the same where stable has not failed once.
	sharedAlpha = 0.05
	wellAlpha   = 0.3
)

// tripAlarm is the score that trips: ln 10⁶. A version that fails just as often as
// tolerated reaches it once in over a million attempts.
var tripAlarm = 6 * math.Ln10

// Trip is the fast breaker of one version: a CUSUM on the log-likelihood ratio of
// failed attempts, decided inline by the request that failed. Safe for concurrent
// use; the zero value is ready. A success costs nothing: between two failures the
// score falls by the number of successes read from the recorders and stops at 0, which
// is what feeding them one by one comes to. A failure costs a short mutex and a sum
// over the recorder's shards.
//
// Once the alarm is reported the evidence stands still until Reset.
type Trip struct {
	baseline atomic.Float64
	stable   atomicx.Pointer[[]*Recorder]

	mu       sync.Mutex
	score    float64
	evidence Counts // attempts and failures since the score last stood at 0
	p0, p1   float64
	alarmed  bool
	seen     [2]reading // recorders whose failures came here
	others   Counts     // stable's counts when the score last stood at 0, or was excused the time before last
	excused  Counts     // the same, when it was excused last
	counted  counted
}

// reading is how many good attempts of a recorder are in the score.
type reading struct {
	recorder *Recorder
	good     uint64
}

// SetBaseline stores stable's recent failure rate (0…1), see Rate and Bound. The
// controller calls it; Baseline reads it without a lock and is never less than
// LeastTolerated.
func (t *Trip) SetBaseline(rate float64) { t.baseline.Store(rate) }

// Baseline is the p0 to call Failure with.
func (t *Trip) Baseline() float64 { return tolerated(t.baseline.Load()) }

// Against names the recorders of the stable version (none: no comparison, as for
// stable itself). A baseline that is renewed each second comes too late for a fault
// that both arms share: nine attempts take milliseconds. So before the alarm the trip
// looks at what stable did since its score last stood at 0: unless the evidence would do
// against the worst that stable may have been, it waits for more, and if stable was as
// bad it forgets the evidence. What stable did since the forgetting before that still counts, so
// that a burst on both arms is known after its first moments. It may be called at any time.
func (t *Trip) Against(stable ...*Recorder) {
	if len(stable) == 0 {
		t.stable.Store(nil)
		return
	}
	t.stable.Store(&stable)
}

// Failure feeds one failed attempt, after it was recorded. recorder is the version's
// own (one of at most two), from which the successes since the last failure are
// read; p0 is the tolerated failure rate, max(1 %, stable's recent rate). It reports
// whether the alarm is reached, once until Reset. At p0 ≥ 50 % nothing trips: there
// is nothing left to tell apart, the verdict decides.
func (t *Trip) Failure(recorder *Recorder, p0 float64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.alarmed {
		return false
	}
	up, down := t.weigh(p0)
	if up == 0 {
		t.score, t.evidence = 0, Counts{}
		return false
	}
	t.fall(recorder, down)
	if t.counted.settles(t.inFlight) {
		return false
	}
	return t.rise(1, up, 0, Now())
}

// weigh sets the two rates and returns what a failure adds and a success takes off.
func (t *Trip) weigh(p0 float64) (up, down float64) {
	t.p0 = tolerated(p0)
	t.p1 = math.Min(tripFactor*t.p0, tripCeiling)
	return likelihoods(t.p0, t.p1)
}

func likelihoods(p0, p1 float64) (up, down float64) {
	if p0 >= p1 {
		return 0, math.Inf(1)
	}
	return math.Log(p1 / p0), math.Log((1 - p0) / (1 - p1))
}

// tolerated is p0 kept within what the trip can work with; a NaN is the least.
func tolerated(p0 float64) float64 {
	if !(p0 > LeastTolerated) {
		return LeastTolerated
	}
	return math.Min(p0, 1)
}

// fall takes the successes since the last look off the score.
func (t *Trip) fall(recorder *Recorder, down float64) {
	good := t.successes(recorder)
	t.evidence.Requests += good
	if good > 0 {
		t.score -= float64(good) * down
	}
	if !(t.score > 0) {
		t.score = 0
		t.evidence = Counts{}
		t.others = t.comparison()
		t.excused = t.others
	}
}

// successes since the last look, in all recorders seen. Those of a recorder that is
// new here are not: nothing of it is in the score.
func (t *Trip) successes(recorder *Recorder) (n uint64) {
	known := false
	for i := range t.seen {
		s := &t.seen[i]
		if s.recorder == nil {
			continue
		}
		good := s.recorder.good()
		n += good - min(good, s.good)
		s.good = good
		known = known || s.recorder == recorder
	}
	if !known && recorder != nil {
		t.seen[1] = t.seen[0]
		t.seen[0] = reading{recorder, recorder.good()}
	}
	return n
}

// rise adds n failures to the score and decides. hanging is how many of stable's
// requests are in flight for as long as the canary's that are counted as failures.
func (t *Trip) rise(n uint64, up float64, hanging uint64, now int64) bool {
	t.evidence = t.evidence.Add(Counts{Requests: n, Failed: n})
	t.score += float64(n) * up
	if t.score < tripAlarm {
		return false
	}
	switch against, known := t.against(hanging); {
	case against >= tripAlarm:
		t.alarmed = true
	case against < 0 || !known:
		t.score, t.evidence = 0, Counts{}
		t.others, t.excused = t.excused, t.comparison()
		t.counted.excuse(now)
	}
	return t.alarmed
}

// against is the score that the evidence would have, had the tolerated rate been the
// worst that stable's may have been over the same time. known is false if that is so
// bad that nothing can be told apart. With next to no traffic of stable the score
// stands as it is.
func (t *Trip) against(hanging uint64) (score float64, known bool) {
	c := t.comparison().Sub(t.others).Add(Counts{Requests: hanging, Failed: hanging})
	alpha := sharedAlpha
	if c.Failed == 0 {
		if c.Requests*crowd < t.evidence.Requests {
			return t.score, true
		}
		alpha = wellAlpha
	}
	p0 := math.Max(t.p0, UpperRate(c, alpha))
	up, down := likelihoods(p0, math.Min(tripFactor*p0, tripCeiling))
	if up == 0 {
		return 0, c.Failed == 0
	}
	return float64(t.evidence.Failed)*up - float64(t.evidence.good())*down, true
}

func (t *Trip) comparison() (c Counts) {
	if p := t.stable.Load(); p != nil {
		for _, r := range *p {
			c = c.Add(r.Counts())
		}
	}
	return c
}

// Reset forgets the evidence, after a cut or a recovery. Requests that are in flight
// now belong to what is forgotten: if they fail later, they are not counted.
func (t *Trip) Reset(recorder *Recorder) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reset(recorder)
}

// Excuse is Reset after an alarm that cut nothing. Requests that are in flight now are
// forgiven if they fail, but those that Hanging still finds after its age once more count anew:
// whatever excused the version may be over by then, and clients that wait send nothing new.
func (t *Trip) Excuse(recorder *Recorder) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reset(recorder)
	t.counted.excuse(Now())
}

func (t *Trip) reset(recorder *Recorder) {
	t.score, t.evidence, t.alarmed = 0, Counts{}, false
	t.successes(recorder)
	t.others = t.comparison()
	t.excused = t.others
	t.counted = counted{}
	now := Now()
	if n := t.inFlight(now, second(now)+1); n > 0 {
		t.counted.add(n, now, second(now)+1)
	}
}

// inFlight counts the version's unfinished requests that started before a second.
func (t *Trip) inFlight(now, before int64) (n uint64) {
	for _, s := range t.seen {
		if s.recorder != nil {
			n += s.recorder.inFlight(second(now)-ringSeconds+1, before-1)
		}
	}
	return n
}

// TripEvidence explains a trip.
type TripEvidence struct {
	Attempts, Failures uint64  // since the evidence last stood at zero
	Score, Threshold   float64 // CUSUM and its alarm, natural logarithms
	P0, P1             float64
}

// Evidence says what the trip stands on, for events.
func (t *Trip) Evidence() TripEvidence {
	t.mu.Lock()
	defer t.mu.Unlock()
	return TripEvidence{
		Attempts: t.evidence.Requests, Failures: t.evidence.Failed,
		Score: t.score, Threshold: tripAlarm, P0: t.p0, P1: t.p1,
	}
}

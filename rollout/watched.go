package rollout

import (
	"encoding/json"
	"fmt"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// watched is the controller's watch on one version.
type watched struct {
	arm     analysis.Arm
	against *analysis.Recorder // whom arm.Trip compares with
	judge   *analysis.Judge
	judged  string // what judge is made for
	staged  string // and what its stage asks for; "": none runs
	plain   plain  // what both follow from, outside of a rollout
	verdict analysis.Verdict
	weighed bool            // judge knows more than saved says
	saved   json.RawMessage // the judge as it was encoded last; nil: there is none, or it is of another question or stage

	tally  analysis.Tally  // what the blocks so far took in
	taken  analysis.Counts // the same, of all traffic, in short
	last   analysis.Counts // of split, in the last block
	window analysis.Window
	points points
	calm   int64 // what allEnded found

	endpoints endpoints

	down     bool   // what the checks said last
	probes   uint64 // requests seen when probing last moved
	probedAt time.Time
}

// watch begins with the present counts: what came before is nobody's evidence.
func watch(arm analysis.Arm) *watched {
	w := &watched{arm: arm}
	w.take(false)
	w.observe()
	return w
}

// now are the counts up to this moment.
func (w *watched) now() (split, all analysis.Totals) {
	split = w.arm.Split.Totals()
	return split, split.Add(w.arm.Ruled.Totals())
}

// take is what came since the last block.
func (w *watched) take(latencies bool) analysis.Sample {
	sample := w.tally.Take(analysis.Now(), w.arm.Split, w.arm.Ruled, latencies)
	_, all := w.tally.Seen()
	w.taken = all.Counts()
	return sample
}

// ended are the counts of all traffic up to this moment, for less than now costs.
func (w *watched) ended() analysis.Counts {
	return w.arm.Split.Counts().Add(w.arm.Ruled.Counts())
}

// requests counts whatever was sent to the version and has ended.
func (w *watched) requests() uint64 {
	_, all := w.now()
	return all.Finished()
}

// lately are the counts of the last whole block and the running one.
func (w *watched) lately() analysis.Counts {
	split, _ := w.tally.Seen()
	return w.arm.Split.Totals().Sub(split).Counts().Add(w.last)
}

// plain is all that a version's question and stage follow from outside of a rollout. The zero value is none.
type plain struct {
	cfg    *config.Service
	stable string
}

// prepare makes the judge, with the evidence saved for it, unless there is one
// for the same question; and begins the stage that it is to pass. It is called each second, mostly to
// find nothing new: outside of a rollout that costs a comparison.
func (w *watched) prepare(s *service, saved savedVersion) {
	var now plain
	if !s.follows() {
		now = plain{s.cfg, s.live.Stable}
	}
	if w.judge != nil && now.cfg != nil && w.plain == now {
		return
	}
	w.plain = now
	w.ask(s, saved)
}

func (w *watched) ask(s *service, saved savedVersion) {
	options, stage := s.judgeOptions(w.arm.Version), s.stageOf(w.arm.Version)
	question := fmt.Sprintf("against %q: %+v", s.partner(w.arm.Version), options)
	if w.judge != nil && w.judged == question {
		if w.staged != stageName(stage) {
			w.stage(stage)
		}
		return
	}
	w.judge, w.judged = analysis.NewJudge(options), question
	w.saved, w.weighed = nil, false
	if m := s.guard.member(w.arm.Version); m == nil || m.state != config.Quarantined {
		w.verdict = analysis.Verdict{} // else it goes on showing what condemned it
	}
	w.stage(stage)
	if saved.Judged != question || len(saved.Judge) == 0 {
		return
	}
	if err := json.Unmarshal(saved.Judge, w.judge); err != nil {
		w.judge = analysis.NewJudge(options)
		w.stage(stage)
		return
	}
	w.saved, w.weighed, w.verdict = saved.Judge, false, w.judge.Verdict()
	if saved.Staged != w.staged {
		w.stage(stage)
	}
}

// stage begins to gather evidence for the version, anew: load brings new faults.
func (w *watched) stage(p analysis.PromotionOptions) {
	w.staged = stageName(p)
	if w.staged == "" {
		w.judge.EndStage()
		if w.saved != nil {
			w.saved, w.weighed = nil, true
		}
		return
	}
	w.judge.Stage(p)
	w.saved, w.weighed = nil, true
}

// stageName tells stages apart; "" is none.
func stageName(p analysis.PromotionOptions) string {
	if len(p.Success) == 0 && p.MinRequests == 0 {
		return ""
	}
	return fmt.Sprintf("%+v", p)
}

// forget drops all evidence, as after a release.
func (w *watched) forget(s *service) {
	w.arm.Trip.Reset(w.arm.Split)
	w.judge = nil // so that prepare asks anew
	w.points.forget()
	w.prepare(s, savedVersion{})
	w.take(w.judge.Latencies())
	w.weighed = true
}

// encode brings saved up to what the judge knows.
func (w *watched) encode() {
	if !w.weighed || w.judge == nil {
		return
	}
	raw, err := w.judge.MarshalJSON() // json.Marshal would read all of it once more
	if err != nil {
		raw = nil // evidence starts anew after a restart
	}
	w.saved, w.weighed = raw, false
}

// evidence is the judge as JSON, as it was encoded last: the saver decides when that is too old. What is of
// another question is never saved.
func (w *watched) evidence() json.RawMessage {
	if w.saved == nil {
		w.encode()
	}
	return w.saved
}

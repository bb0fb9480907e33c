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
	verdict analysis.Verdict
	weighed bool // judge knows more than evidence says
	saved   json.RawMessage

	split, all analysis.Totals // at the last block's end; all: with what rules sent
	last       analysis.Counts // of split, in the last block
	window     analysis.Window
	points     points

	down     bool   // what the checks said last
	probes   uint64 // requests seen when probing last moved
	probedAt time.Time
}

// watch begins with the present counts: what came before is nobody's evidence.
func watch(arm analysis.Arm) *watched {
	w := &watched{arm: arm}
	w.split, w.all = w.now()
	w.observe()
	return w
}

// now are the counts up to this moment.
func (w *watched) now() (split, all analysis.Totals) {
	split = w.arm.Split.Totals()
	return split, split.Add(w.arm.Ruled.Totals())
}

// requests counts whatever was sent to the version and has ended.
func (w *watched) requests() uint64 {
	_, all := w.now()
	return all.Finished()
}

// lately are the counts of the last whole block and the running one.
func (w *watched) lately() analysis.Counts {
	return w.arm.Split.Totals().Sub(w.split).Counts().Add(w.last)
}

// prepare makes the judge, with the evidence saved for it, unless there is one
// for the same question.
func (w *watched) prepare(s *service, saved savedVersion) {
	options := judgeOptions(s.cfg, w.arm.Version == s.live.Stable)
	question := fmt.Sprintf("against %q: %+v", s.live.Stable, options)
	if w.judge != nil && w.judged == question {
		return
	}
	w.judge, w.judged = analysis.NewJudge(options), question
	w.verdict, w.saved, w.weighed = analysis.Verdict{}, nil, false
	if saved.Judged != question || len(saved.Judge) == 0 {
		return
	}
	if err := json.Unmarshal(saved.Judge, w.judge); err != nil {
		w.judge = analysis.NewJudge(options)
		return
	}
	w.saved, w.verdict = saved.Judge, w.judge.Verdict()
}

// forget drops all evidence, as after a release.
func (w *watched) forget(s *service) {
	w.arm.Trip.Reset(w.arm.Split)
	w.judge = nil
	w.points.forget()
	w.prepare(s, savedVersion{})
	w.split, w.all = w.now()
	w.weighed = true
}

// evidence is the judge as JSON, encoded anew only if it has weighed something.
func (w *watched) evidence() json.RawMessage {
	if w.weighed {
		raw, err := json.Marshal(w.judge)
		if err != nil {
			raw = nil // evidence starts anew after a restart
		}
		w.saved, w.weighed = raw, false
	}
	return w.saved
}

// stableAlarm is the failure rate at which stable is said to breach where the
// file names no absolute limit.
const stableAlarm = 0.05

// judgeOptions says what the file asks the judge to look for. Latency and
// windows are not judged: config.Inactive says so.
func judgeOptions(cfg *config.Service, stable bool) analysis.JudgeOptions {
	o := analysis.JudgeOptions{MinEffect: cfg.Guard.Effect, Strict: cfg.Guard.Strict}
	for _, th := range cfg.Guard.Breach["error_rate"] {
		if th.Op[0] == '>' && (!stable || th.Ratio == 0) {
			o.Breach = append(o.Breach, analysis.Criterion{Metric: analysis.ErrorRate, Ratio: th.Ratio, Limit: th.Value})
		}
	}
	for _, th := range cfg.Guard.Breach["success_rate"] {
		if th.Op[0] == '<' && th.Ratio == 0 {
			o.Breach = append(o.Breach, analysis.Criterion{Metric: analysis.ErrorRate, Limit: 1 - th.Value})
		}
	}
	if stable && len(o.Breach) == 0 {
		o.Breach = []analysis.Criterion{{Metric: analysis.ErrorRate, Limit: stableAlarm}}
	}
	return o
}

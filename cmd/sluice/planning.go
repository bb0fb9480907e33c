package main

import (
	"fmt"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// seconds is a span in JSON.
type seconds float64

// plannedRollout is what the stages of a service can do in the traffic it has.
type plannedRollout struct {
	Service   string `json:"service"`
	Canary    string `json:"canary,omitempty"`
	traffic          // inlined
	Criterion string `json:"criterion"` // that the figures are for

	Stages []plannedStage `json:"stages"`
	Notes  []string       `json:"notes,omitempty"`
}

// plannedStage is one row. Zero of Smallest… and Finds… means never.
type plannedStage struct {
	Name            string   `json:"name"`
	Weight          float64  `json:"weight"`                   // percent
	Duration        seconds  `json:"duration_s"`               // at least, as configured
	Needs           seconds  `json:"needs_s"`                  // until it can pass, of a healthy canary
	Requests        uint64   `json:"requests"`                 // of the canary, that takes
	Decides         bool     `json:"decides"`                  // within max_wait
	SmallestRate    float64  `json:"smallest_rate"`            // error rate found within the stage
	FindsOnePercent seconds  `json:"finds_plus_one_percent_s"` // an error rate one percent over stable's
	FindsFivefold   seconds  `json:"finds_fivefold_s"`         // five times stable's
	Warnings        []string `json:"warnings,omitempty"`
}

// planOf foretells the stages of s; without a rollout, the weights of the file as
// one stage of an hour.
func planOf(s *config.Service, t traffic) *plannedRollout {
	p := &plannedRollout{Service: s.Name, traffic: t}
	o := planOptions(&s.Guard, p)
	stages, wait := stagesOf(s, p)
	o.Horizon = 0
	for _, st := range stages {
		o.Horizon += st.Duration
	}
	if t.RPS <= 0 {
		p.Notes = append(p.Notes, "there is no traffic: nothing can be seen. --rps plans with an assumption")
	}
	for _, st := range stages {
		p.Stages = append(p.Stages, planStage(s, st, wait, t, o))
	}
	return p
}

// planOptions are those of the error-rate criterion that compares with stable, or else of
// the absolute one, with its part of the budget (judgement 2.8).
func planOptions(g *config.Guard, p *plannedRollout) analysis.PlanOptions {
	parts := map[string]float64{"relative": 0, "absolute": 0, "other": 0}
	o := analysis.PlanOptions{MinEffect: g.Effect, Strict: g.Strict}
	for name, all := range g.Breach {
		for _, th := range all {
			switch {
			case name == "error_rate" && th.Ratio > 0:
				parts["relative"], o.Ratio = 0.5, th.Ratio
			case name == "error_rate":
				parts["absolute"], o.Limit = 0.1, th.Value
			case th.Duration > 0 || name == "hangs":
				parts["other"] += 0.1
			case th.Ratio > 0 && name != "success_rate":
				parts["other"] += 0.2
			}
		}
	}
	sum := parts["relative"] + parts["absolute"] + parts["other"]
	switch {
	case o.Ratio > 0:
		p.Criterion = fmt.Sprintf("error_rate > %gx stable", o.Ratio)
		o.Limit, o.Share = 0, parts["relative"]/sum
	case o.Limit > 0:
		p.Criterion = "error_rate > " + rateText(o.Limit)
		o.Share = parts["absolute"] / sum
	default:
		p.Criterion = "error_rate > 1.5x stable"
		p.Notes = append(p.Notes, "the guard has no criterion on error_rate; this is what \"> 1.5x stable\" would see")
	}
	if parts["other"] > 0 {
		p.Notes = append(p.Notes, "criteria on latency and hangs are not planned: what they can see depends on the shape of the latencies")
	}
	return o
}

// stagesOf are the stages to plan, and how long one may wait for evidence.
func stagesOf(s *config.Service, p *plannedRollout) ([]config.Stage, time.Duration) {
	r := s.Rollout
	if r != nil && len(r.Stages) > 0 {
		p.Canary = r.Canary
		if r.Analysis == "none" {
			p.Notes = append(p.Notes, "analysis: none promotes by time alone; the guard still condemns")
		}
		return r.Stages, r.MaxWait
	}
	bp := 0
	for _, v := range s.Versions {
		if v.Name != s.Stable {
			bp += v.WeightBP
		}
	}
	p.Notes = append(p.Notes, "there is no rollout with stages; these are the declared weights, over an hour")
	return []config.Stage{{Name: "declared", WeightBP: bp, Duration: time.Hour}}, time.Hour
}

func planStage(s *config.Service, st config.Stage, wait time.Duration, t traffic, o analysis.PlanOptions) plannedStage {
	out := plannedStage{Name: st.Name, Weight: float64(st.WeightBP) / 100, Duration: seconds(st.Duration.Seconds())}
	share := float64(st.WeightBP) / 10_000
	plan := analysis.NewPlan(t.RPS, share, t.ErrorRate, o)
	out.pass(s, st, wait, plan, t.RPS*share, t.ErrorRate)
	late := o
	late.Late = true // the fault need not begin with the stage
	finder := analysis.NewPlan(t.RPS, share, t.ErrorRate, late)
	within := st.Duration
	if needs := time.Duration(float64(out.Needs) * float64(time.Second)); needs > within {
		within = needs
		if wait > 0 {
			within = min(needs, max(wait, st.Duration))
		}
	}
	if rate, ok := finder.Smallest(within); ok {
		out.SmallestRate = rate
	}
	if d, ok := finder.Delay(t.ErrorRate + 0.01); ok {
		out.FindsOnePercent = seconds(d.Seconds())
	}
	if d, ok := finder.Delay(5 * t.ErrorRate); ok {
		out.FindsFivefold = seconds(d.Seconds())
	}
	if share >= 1 && o.Limit == 0 {
		out.Warnings = append(out.Warnings, "stable gets nothing to compare with: only absolute limits, the trip and a bound from earlier stages judge")
	} else if out.SmallestRate == 0 && t.RPS > 0 {
		out.Warnings = append(out.Warnings, "not even a canary that fails entirely is condemned by the verdict in this stage; the trip still cuts it")
	}
	return out
}

// pass says when a healthy canary can leave the stage.
func (p *plannedStage) pass(s *config.Service, st config.Stage, wait time.Duration, plan analysis.Plan, perSecond, base float64) {
	n, ok := plan.Requests(base)
	n = max(n, uint64(max(st.MinRequests, 0)))
	if s.Rollout != nil && s.Rollout.Analysis == "none" || st.WeightBP == 10_000 {
		n, ok = uint64(max(st.MinRequests, 0)), true // nothing is to be shown against stable
	}
	if !ok || perSecond <= 0 && n > 0 {
		p.Warnings = append(p.Warnings, "it can't decide: no number of requests shows that a canary like stable is good enough")
		return
	}
	needs := 0.0
	if n > 0 {
		needs = float64(n) / perSecond
	}
	p.Requests, p.Needs = n, seconds(needs)
	p.Decides = wait <= 0 || needs <= wait.Seconds()
	if !p.Decides {
		after := "rollback"
		if s.Rollout != nil {
			after = s.Rollout.OnFailure
		}
		p.Warnings = append(p.Warnings, fmt.Sprintf("it can't decide: it needs %d requests of the canary, and gets %.0f within max_wait %s; then: %s",
			n, perSecond*wait.Seconds(), spanText(seconds(wait.Seconds()), true), after))
		return
	}
	if needs > st.Duration.Seconds() && st.Duration > 0 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("it lasts %s instead of %s", spanText(p.Needs, true), spanText(p.Duration, true)))
	}
}

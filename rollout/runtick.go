package rollout

import (
	"fmt"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// latenciesEvery is how often the latencies of an A/B test are read: seconds.
const latenciesEvery = 10

// follow looks after the rollout of s, once a second, traffic or not.
func (c *Controller) follow(s *service, now time.Time) {
	if !s.follows() {
		return
	}
	if len(s.versions) == 0 || !s.busy {
		s.refresh(c.traffic)
	}
	if s.rolls() {
		s.count(s.course.Run.Plan.Strategy == strategyABTest && c.blocks%latenciesEvery == 0)
	}
	c.limitExposure(s, now)
	if !s.follows() {
		return
	}
	seen := c.look(s, now)
	switch troubled := seen.suspicious || seen.cut; {
	case !troubled:
		s.course.Troubled = time.Time{}
	case s.course.Troubled.IsZero():
		s.course.Troubled = now.UTC()
	}
	c.feed(s, runInput{at: now, what: runTick, seen: seen})
	c.queryRollback(s, now)
	if !s.follows() {
		s.prepare() // the standby is over
	}
}

// look is how things are for the run of s.
func (c *Controller) look(s *service, now time.Time) sight {
	cs := s.course
	canary := cs.Run.Plan.Canary
	seen := sight{open: s.cfg.Rollout == nil || open(s.cfg.Rollout.Windows, now)}
	seen.endpoints, seen.unchecked = c.readyEndpoints(s, canary)
	w, m := s.version(canary), s.guard.member(canary)
	if w == nil || m == nil {
		seen.cut = true
		return seen
	}
	seen.cut = m.state != config.Active || m.unhealthy || w.down
	seen.tripped = m.state == config.Tripped
	seen.suspicious = w.verdict.Standing == analysis.Suspicious || w.verdict.Standing == analysis.Breach
	if cs.Run.Plan.Strategy == strategyShadow {
		c.lookAtShadow(s, &seen)
		return seen
	}
	seen.ready, seen.missing = s.ready(w, now)
	seen.requests = s.inStage(w)
	return seen
}

// readyEndpoints of a version, and those of which nothing is known yet.
func (c *Controller) readyEndpoints(s *service, version string) (ready, unchecked int) {
	if c.ready != nil {
		return c.ready(s.name, version)
	}
	if v := versionOf(s.cfg, version); v != nil {
		return len(v.Endpoints), 0
	}
	return 0, 0
}

// lookAtShadow asks what the mirror's comparison found.
func (c *Controller) lookAtShadow(s *service, seen *sight) {
	seen.ready = true
	if c.differs == nil {
		return
	}
	found := c.differs(s.name)
	if !(found.Excess >= 0 && found.Excess <= 1) {
		found.Excess = 1 // no number: never a reason to pass
	}
	if !(found.Noise >= 0 && found.Noise <= 1) {
		found.Noise = 1
	}
	seen.anew = s.course.Shadow != nil && found.Compared < s.course.Shadow.Compared // as after a restart
	s.course.Shadow = &found
	seen.requests, seen.difference, seen.unproven = found.Compared, found.Excess, !found.Reported
}

// ready reports whether the evidence passes the stage of the canary's weight, and
// about how many requests it still takes. Without a weight there is no evidence to ask for.
func (s *service) ready(w *watched, now time.Time) (bool, uint64) {
	l := s.leg()
	if l == nil || l.WeightBP == 0 || !s.course.Run.Plan.Evidence {
		return true, 0
	}
	if !w.points.pass(now) {
		return false, 0
	}
	if w.staged == "" || w.judge == nil {
		return w.verdict.Standing == analysis.Inconclusive, 0
	}
	p := w.judge.Promotion()
	return p.Ready, p.Missing
}

// inStage counts the canary's requests in this stage: those split by chance or sticky hash, which
// alone are compared; at weight 0, as of a preview, all.
func (s *service) inStage(w *watched) uint64 {
	o := s.course.Seen[w.arm.Version]
	if o == nil {
		return 0
	}
	if l := s.leg(); l == nil || l.WeightBP == 0 {
		return o.All.Requests - min(o.All.Requests, s.course.From.All.Requests)
	}
	return o.Split.Requests - min(o.Split.Requests, s.course.From.Split.Requests)
}

// restageCanary lets the canary show anew that it is good, at the weight that it has.
func (s *service) restageCanary() {
	canary := s.course.Run.Plan.Canary
	w := s.version(canary)
	if w == nil {
		return
	}
	s.count(false)
	s.course.From = observed{}
	if o := s.course.Seen[canary]; o != nil {
		s.course.From = observed{Split: o.Split, All: o.All}
	}
	if w.judge == nil {
		w.prepare(s, savedVersion{})
	}
	w.stage(s.stageOf(canary))
	w.points.demands = nil
	w.points.demand(s.cfg, s.leg())
}

// limitExposure condemns a canary that has cost more failures than it may: answers
// that failed beyond what stable's rate would have given for as many requests.
func (c *Controller) limitExposure(s *service, now time.Time) {
	limit := s.cfg.Guard.MaxExposedFailures
	if limit <= 0 || !s.rolls() {
		return
	}
	more, canary, stable := s.course.exposure()
	if more <= float64(limit) {
		return
	}
	plan := &s.course.Run.Plan
	v := analysis.Verdict{
		Standing: analysis.Breach, Metric: "exposed_failures", Threshold: fmt.Sprintf("> %d", limit),
		Evidence: more, Bound: float64(limit), Since: s.course.Run.StartedAt, Effect: more, Canary: canary, Stable: stable,
		Summary: fmt.Sprintf("this rollout has cost %d failures of %d requests, %.1f more than %s would have had; at most %d are allowed",
			canary.Failed, canary.Requests, more, plan.From, limit),
	}
	c.step(s, input{at: now, what: exposed, version: plan.Canary}, facts{verdict: v})
	if s.rolls() { // nothing else is usable, so the guard left it its state; its rollout ends nevertheless
		c.feed(s, runInput{at: now, what: runCut, text: v.Summary})
	}
}

// tellCourse brings what the guard did to the canary to its run.
func (c *Controller) tellCourse(s *service, in input, a action, f facts) {
	cs := s.course
	if cs == nil || cs.Run.Plan.Canary != a.version {
		return
	}
	what := runCut
	switch a.do {
	case doQuarantine:
	case doPause, doAlert:
		what = runBreach
	case doSwitchBack:
		what = runUndone
	case doCut:
		if cs.Troubled.IsZero() && s.follows() {
			cs.Troubled = in.at.UTC()
		}
		if s.rolls() && a.cause != causeHealth {
			c.feed(s, runInput{at: in.at, what: runTrip, text: explainTrip(a, f)})
		}
		return
	case doRecut:
		if s.rolls() {
			c.feed(s, runInput{at: in.at, what: runRetrip})
		}
		return
	default:
		return
	}
	if cs.Troubled.IsZero() {
		cs.Troubled = in.at.UTC()
	}
	c.captureRun(s, in.at)
	c.feed(s, runInput{at: in.at, what: what, text: explain(s, in, a, f)})
}

// tolerated is the failure rate that is not held against a canary that has taken stable's traffic over: what
// stable may have had while the rollout ran. For a minute or two after, the judge's own notion of it fades.
func (s *service) tolerated(w *watched) float64 {
	p0, most := w.judge.Baseline(), mostBound
	if o := s.course.Seen[s.course.Run.Plan.From]; o != nil && o.Split.Requests > 0 {
		p0 = max(p0, analysis.UpperRate(o.Split, 0.01))
		most = max(most, o.Split.Rate())
	}
	return min(p0, most)
}

package rollout

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// decide makes the record of an action, if it is a decision.
func decide(s *service, in input, a action, f facts) (Decision, bool) {
	d := Decision{Time: in.at, Service: s.name, Version: a.version, Kind: "trip", Action: "cut",
		Summary: explain(s, in, a, f), Evidence: map[string]any{}}
	switch a.do {
	case doCut, doRecut:
		d.Evidence = tripEvidence(a, f)
	case doRestore:
		d.Kind, d.Action = "restore", "restore"
		d.Evidence["cut_for"] = a.cause
	case doUndo:
		if a.quiet {
			return d, false
		}
		d.Kind, d.Action = "restore", "restore"
		d.Evidence = tripEvidence(a, f)
	case doQuarantine, doPause, doAlert:
		if a.quiet {
			return d, false
		}
		d.Kind, d.Action = "verdict", map[verb]string{doQuarantine: "quarantine", doPause: "pause", doAlert: "alert"}[a.do]
		d.Metric, d.Evidence = f.verdict.Metric, verdictEvidence(f.verdict)
	case doSwitchBack:
		d.Kind, d.Action = map[bool]string{true: "verdict", false: "trip"}[a.cause == ""], "switch_back"
		d.Metric, d.Evidence = f.verdict.Metric, switchEvidence(a, f)
	case doEject:
		d.Kind, d.Action = "endpoint", "eject"
		d.Metric, d.Evidence = f.verdict.Metric, endpointEvidence(f)
	case doNotice:
		if a.topic == topicSuspicious || a.topic == topicEnvironment && in.what != judged {
			return d, false
		}
		d.Kind, d.Action = "alert", "alert"
		if in.what == judged || a.topic == topicEndpoint {
			d.Metric, d.Evidence = f.verdict.Metric, endpointEvidence(f)
		}
	default:
		return d, false
	}
	return d, true
}

// tell makes the event of an action, if people are to know of it.
func tell(s *service, in input, a action, f facts) (Event, bool) {
	e := Event{Time: in.at, Service: s.name, Version: a.version, By: "guard", Message: explain(s, in, a, f)}
	switch a.do {
	case doCut, doRecut:
		e.Type = "trip"
		e.Fields = tripEvidence(a, f)
		e.Fields["reason"] = a.cause
	case doRestore, doUndo:
		if a.quiet {
			return e, false
		}
		e.Type = "restore"
		e.Fields = map[string]any{"reason": a.cause}
	case doQuarantine, doPause, doAlert:
		if a.quiet {
			return e, false
		}
		e.Type = "verdict"
		e.Fields = verdictEvidence(f.verdict)
		e.Fields["verdict"] = "breach"
	case doSwitchBack:
		e.Type = "rollback"
		e.Fields = s.switchFields(a, f)
	case doEject:
		e.Type = "endpoint"
		e.Fields = endpointEvidence(f)
	case doNotice:
		e.Type, e.Fields = notice(in, a, f)
	case doState:
		e.Type, e.By = "state", f.order.By
		e.Fields = map[string]any{"state": a.state.String(), "reason": f.order.Reason}
	case doProbe:
		e.Type = "probe"
	default:
		return e, false
	}
	return e, true
}

// notice is the kind of a notice's event, and its fields.
func notice(in input, a action, f facts) (kind string, fields map[string]any) {
	switch {
	case a.topic == topicEndpoint:
		fields = endpointEvidence(f)
		fields["reason"] = a.topic
		return "alert", fields
	case a.topic == topicSuspicious, a.topic == topicEnvironment && in.what == judged:
		fields = verdictEvidence(f.verdict)
		fields["verdict"] = a.topic
		return "verdict", fields
	}
	return "alert", map[string]any{"reason": a.topic}
}

// explain says in one sentence what was done and why.
func explain(s *service, in input, a action, f facts) string {
	v := a.version
	switch a.do {
	case doCut:
		return explainCut(in, a, f)
	case doRecut:
		return fmt.Sprintf("%s failed a probe and stays cut; tried again in %v", v, a.until.Sub(in.at))
	case doProbe:
		return v + " is tried again by a trickle of requests that stable can repeat"
	case doRestore:
		switch {
		case a.inline:
			return v + " is back: its probes passed"
		case a.cause == causeHealth:
			return v + " is back: an endpoint passes its checks again"
		}
		return v + " is back: there was no traffic to try it with, and its health checks pass"
	case doUndo:
		return fmt.Sprintf("%s was cut and given back at once: %s", v, undone(a.topic))
	case doQuarantine:
		return fmt.Sprintf("%s quarantined: %s", v, explainVerdict(s, f.verdict))
	case doSwitchBack:
		return fmt.Sprintf("%s quarantined and %s is stable again, as it stood by: %s", v, a.to, explainSwitch(s, a, f))
	case doPause, doAlert:
		return fmt.Sprintf("%s breaches and keeps its share, as the guard's action is %s: %s", v, s.guard.action, explainVerdict(s, f.verdict))
	case doEject:
		return fmt.Sprintf("endpoint %s of %s ejected, the version is judged anew: %s", f.verdict.Endpoint, v, explainVerdict(s, f.verdict))
	case doNotice:
		return explainNotice(s, in, a, f)
	case doState:
		if a.state == config.Tripped {
			return v + " stays tripped, and drains when it is back"
		}
		return fmt.Sprintf("%s set to %s", v, a.state)
	}
	return ""
}

func explainCut(in input, a action, f facts) string {
	if a.cause == causeHealth {
		return fmt.Sprintf("%s cut: none of its endpoints passes its checks; back when one does, not before %v", a.version, a.until.Sub(in.at))
	}
	return fmt.Sprintf("%s; tried again in %v", explainTrip(a, f), a.until.Sub(in.at))
}

// explainTrip is what a cut by failures or hanging requests stands on.
func explainTrip(a action, f facts) string {
	e := f.trip
	if a.cause == causeHang {
		return fmt.Sprintf("%s cut after %d of %d attempts failed or hung for over %v (tolerated: %s), evidence %.1f of %.1f",
			a.version, e.Failures, e.Attempts, f.age.Round(time.Millisecond), percent(e.P0), e.Score, e.Threshold)
	}
	return fmt.Sprintf("%s cut after %d of %d attempts failed (tolerated: %s), evidence %.1f of %.1f",
		a.version, e.Failures, e.Attempts, percent(e.P0), e.Score, e.Threshold)
}

func explainSwitch(s *service, a action, f facts) string {
	switch a.cause {
	case "":
		return explainVerdict(s, f.verdict)
	case causeHealth:
		return "none of its endpoints passes its checks"
	case causeHang:
		return fmt.Sprintf("%d of %d attempts failed or hung for over %v", f.trip.Failures, f.trip.Attempts, f.age.Round(time.Millisecond))
	}
	return fmt.Sprintf("%d of %d attempts failed (tolerated: %s), evidence %.1f of %.1f",
		f.trip.Failures, f.trip.Attempts, percent(f.trip.P0), f.trip.Score, f.trip.Threshold)
}

// switchEvidence is what the undoing of a promotion stands on.
func switchEvidence(a action, f facts) map[string]any {
	e := tripEvidence(a, f)
	if a.cause == "" {
		e = verdictEvidence(f.verdict)
	}
	e["stable_again"] = a.to
	return e
}

// switchFields is the same for an event, with the rollout that it undoes.
func (s *service) switchFields(a action, f facts) map[string]any {
	fields := switchEvidence(a, f)
	if s.course != nil {
		fields["id"], fields["stage"], fields["weight"] = s.course.Run.ID, "", 0.0
	}
	return fields
}

func undone(topic string) string {
	switch topic {
	case topicStable:
		return "stable is never cut"
	case topicOff:
		return "the trip is off"
	case topicEnvironment:
		return "stable fails as much"
	}
	return "nothing else is usable"
}

func explainNotice(s *service, in input, a action, f facts) string {
	switch a.topic {
	case topicEnvironment:
		return fmt.Sprintf("%s and %s both fail: nothing is held against %s", a.version, s.guard.stable, a.version)
	case topicSuspicious:
		return fmt.Sprintf("%s is suspicious: %s", a.version, explainVerdict(s, f.verdict))
	case topicStable:
		if in.what != judged {
			return fmt.Sprintf("stable version %s fails; it is not cut", a.version)
		}
		return fmt.Sprintf("stable version %s breaches; it is not cut: %s", a.version, explainVerdict(s, f.verdict))
	case topicStableDown:
		return fmt.Sprintf("no endpoint of stable version %s passes its checks; it is not cut", a.version)
	case topicLast:
		return fmt.Sprintf("%s fails but is not cut: no other version of %s is usable", a.version, s.name)
	case topicOff:
		return fmt.Sprintf("%s fails but is not cut: the trip is off", a.version)
	case topicEndpoint:
		return fmt.Sprintf("endpoint %s of %s fails and stays in service: %v: %s", f.verdict.Endpoint, a.version, f.stays, explainVerdict(s, f.verdict))
	}
	return a.topic
}

func explainVerdict(s *service, v analysis.Verdict) string {
	if v.Summary != "" {
		return v.Summary
	}
	text := fmt.Sprintf("%s %s: %d of %d failed", v.Metric, v.Threshold, v.Canary.Failed, v.Canary.Requests)
	if v.Stable.Requests > 0 {
		text += fmt.Sprintf(", against %d of %d on %s", v.Stable.Failed, v.Stable.Requests, s.guard.stable)
	}
	if !v.Since.IsZero() {
		text += " since " + v.Since.UTC().Format(time.TimeOnly)
	}
	return text + fmt.Sprintf("; evidence %.4g of %.4g", v.Evidence, v.Bound)
}

func tripEvidence(a action, f facts) map[string]any {
	e := map[string]any{"cause": a.cause}
	if a.do == doCut || a.do == doRecut {
		e["tried_again_at"] = a.until.UTC()
	}
	if a.cause == causeHealth {
		return e
	}
	e["attempts"], e["failures"] = f.trip.Attempts, f.trip.Failures
	e["score"], e["threshold"] = f.trip.Score, f.trip.Threshold
	e["tolerated_rate"], e["assumed_bad_rate"] = f.trip.P0, f.trip.P1
	if f.age > 0 {
		e["overdue_after_ms"] = f.age.Milliseconds()
	}
	return e
}

func verdictEvidence(v analysis.Verdict) map[string]any {
	e := map[string]any{
		"metric": v.Metric, "threshold": v.Threshold, "evidence": finite(v.Evidence), "bound": finite(v.Bound),
		"requests": v.Canary.Requests, "failed": v.Canary.Failed, "rate": v.Canary.Rate(),
		"stable_requests": v.Stable.Requests, "stable_failed": v.Stable.Failed, "stable_rate": v.Stable.Rate(),
		"effect": finite(v.Effect),
	}
	if v.Slow > 0 {
		e["slow_over_ms"] = float64(v.Slow.Microseconds()) / 1000
	}
	if v.Endpoint != "" {
		e["endpoint"] = v.Endpoint
	}
	if !v.Since.IsZero() {
		e["since"] = v.Since.UTC()
	}
	return e
}

// endpointEvidence is the verdict, and what each endpoint did since the change: every attempt.
func endpointEvidence(f facts) map[string]any {
	e := verdictEvidence(f.verdict)
	if f.endpoints != nil {
		e["endpoints"] = f.endpoints
	}
	if f.stays != nil {
		e["stays"] = f.stays.Error()
	}
	return e
}

// finite keeps a number writable as JSON.
func finite(x float64) any {
	switch {
	case x != x:
		return "none"
	case x > 1e300 || x < -1e300:
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return x
}

// percent prints a rate as people write it: 0.01 is "1 %".
func percent(rate float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(rate*100, 'f', 2, 64), "0"), ".") + " %"
}

// share prints a weight in hundredths of a percent: 250 is "2.5".
func share(bp int) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", float64(bp)/100), "0"), ".")
}

// list prints weights in order of the versions' names: "v1=90 v2=10".
func list(w config.Weights) string {
	parts := make([]string, 0, len(w.BP))
	for _, name := range names(w.BP) {
		parts = append(parts, name+"="+share(w.BP[name]))
	}
	return strings.Join(parts, " ")
}

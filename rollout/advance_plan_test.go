package rollout

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// makePlan reads a story's itinerary: "plan canary stages=initial:5:10m:500,final:100:1h
// approval=manual on_failure=pause". A gate is manual, or TIMEOUT:promote, or TIMEOUT:rollback.
func (s *story) makePlan(words []string) error {
	it := itinerary{Strategy: words[0], Canary: "v2", From: "v1", Promotes: words[0] != strategyShadow,
		MaxWait: 2 * time.Hour, Evidence: true, Standby: 10 * time.Minute, Enforce: true, MaxDiff: 0.01, Asks: map[string]time.Duration{}}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		var err error
		switch key {
		case "stages":
			it.Stages, err = planLegs(words[0], value)
		case "approval":
			it.Approval, err = planGate(value)
		case "gate": // gate=expansion:manual
			name, what, _ := strings.Cut(value, ":")
			for i := range it.Stages {
				if it.Stages[i].Name == name {
					it.Stages[i].Approval, err = planGate(what)
				}
			}
		case "max_wait":
			it.MaxWait, err = time.ParseDuration(value)
		case "max_tripped":
			it.MaxTrip, err = time.ParseDuration(value)
		case "standby":
			it.Standby, err = time.ParseDuration(value)
		case "on_failure":
			it.Pauses = value == "pause"
		case "analysis":
			it.Evidence = value != "none"
		case "preflight":
			it.Enforce = value == "enforce"
		case "action":
			it.Alerts = value == "alert"
		case "during":
			it.Asks[PointDuringStage], err = time.ParseDuration(value)
		case "confirm":
			var every time.Duration
			every, err = time.ParseDuration(value)
			it.Asks[PointConfirmRollout], it.Asks[PointConfirmStage], it.Asks[PointConfirmPromotion] = every, every, every
		case "endpoints": // endpoints=4/1: four, of which one may be missing
			n, m, _ := strings.Cut(value, "/")
			count, _ := strconv.Atoi(n)
			missing, _ := strconv.Atoi(m)
			it.Stages = rollingLegs(leg{Duration: time.Minute, MinRequests: 100}, count, missing)
		default:
			err = fmt.Errorf("unknown setting")
		}
		if err != nil {
			return fmt.Errorf("%q: %w", w, err)
		}
	}
	s.plan = it
	return nil
}

func planGate(text string) (*gate, error) {
	if text == "manual" {
		return &gate{}, nil
	}
	timeout, then, _ := strings.Cut(text, ":")
	d, err := time.ParseDuration(timeout)
	return &gate{Timeout: d, Promote: then == "promote"}, err
}

func planLegs(strategy, text string) ([]leg, error) {
	var out []leg
	for one := range strings.SplitSeq(text, ",") {
		parts := []string{"", "0", "0s", "0"}
		copy(parts, strings.Split(one, ":"))
		percent, err1 := strconv.ParseFloat(parts[1], 64)
		d, err2 := time.ParseDuration(parts[2])
		requests, err3 := strconv.ParseUint(parts[3], 10, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			return nil, fmt.Errorf("stage %q", one)
		}
		out = append(out, leg{Name: parts[0], WeightBP: int(percent * 100), Duration: d, MinRequests: requests, Test: strategy == strategyBlueGreen})
	}
	out[len(out)-1].Lasts = strategy == strategyABTest
	return out, nil
}

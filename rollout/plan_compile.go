package rollout

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"sluice/config"
)

// Strategies, as the file names them.
const (
	strategyBlueGreen = "blue_green"
	strategyABTest    = "ab_test"
	strategyShadow    = "shadow"
	strategyRolling   = "rolling"
)

// askAgain is how often a hook that holds a run, or goes along with a stage, is
// asked unless it says otherwise.
const askAgain = 10 * time.Second

// compile makes of a service's file what a rollout of canary, against stable, is
// to do. Errors wrap ErrInvalid, ErrUnknown or ErrConflict.
func compile(cfg *config.Service, canary, stable string) (itinerary, error) {
	r := cfg.Rollout
	if r == nil {
		return itinerary{}, fmt.Errorf("service %s has no rollout in its file: %w", cfg.Name, ErrInvalid)
	}
	candidate := versionOf(cfg, canary)
	switch {
	case candidate == nil:
		return itinerary{}, fmt.Errorf("version %s of service %s: %w", canary, cfg.Name, ErrUnknown)
	case versionOf(cfg, stable) == nil:
		return itinerary{}, fmt.Errorf("stable version %s of service %s: %w", stable, cfg.Name, ErrUnknown)
	case r.Strategy == strategyShadow && cfg.Mirror != nil && cfg.Mirror.To != canary:
		return itinerary{}, fmt.Errorf("service %s mirrors to %s, so that strategy shadow can't look at %s: %w", cfg.Name, cfg.Mirror.To, canary, ErrInvalid)
	case canary == stable:
		return itinerary{}, fmt.Errorf("version %s of service %s is stable already: %w", canary, cfg.Name, ErrConflict)
	}
	it := itinerary{
		Strategy: r.Strategy, Canary: canary, From: stable,
		Promotes: r.Strategy != strategyShadow, Approval: gateOf(r.Approval),
		MaxWait: r.MaxWait, MaxTrip: tripLimit(r.MaxTripped, cfg.Guard.Trip.Cooldown), Pauses: r.OnFailure == "pause", Evidence: r.Analysis != "none",
		Standby: r.Standby, Enforce: r.Preflight != "warn" && r.Preflight != "off",
		Alerts: cfg.Guard.Action == "alert", Asks: asks(r.Hooks),
	}
	if it.Stages = legs(r, len(candidate.Endpoints)); len(it.Stages) == 0 {
		return itinerary{}, fmt.Errorf("strategy %s of service %s without stages: %w", r.Strategy, cfg.Name, ErrInvalid)
	}
	if r.Strategy == strategyShadow {
		it.MaxDiff = r.MaxDifference
	}
	return it, nil
}

func versionOf(cfg *config.Service, name string) *config.Version {
	for i := range cfg.Versions {
		if cfg.Versions[i].Name == name {
			return &cfg.Versions[i]
		}
	}
	return nil
}

func gateOf(a *config.Approval) *gate {
	if a == nil {
		return nil
	}
	return &gate{Timeout: a.Timeout, Promote: a.Then == "promote"}
}

// asks is how often hooks are asked again, by point: as often as the most
// frequent of the point.
func asks(hooks []config.Hook) map[string]time.Duration {
	again := []string{PointConfirmRollout, PointDuringStage, PointConfirmStage, PointConfirmPromotion}
	var out map[string]time.Duration
	for _, h := range hooks {
		if !slices.Contains(again, h.On) {
			continue
		}
		if out == nil {
			out = map[string]time.Duration{}
		}
		every := h.Interval
		if every <= 0 {
			every = askAgain
		}
		if known, ok := out[h.On]; !ok || every < known {
			out[h.On] = every
		}
	}
	return out
}

// tripLimit leaves a tripped canary the time for its first probes, however long the cooldown is.
func tripLimit(most, cooldown time.Duration) time.Duration {
	if most <= 0 {
		most = mostTrip
	}
	return max(most, 2*cooldown)
}

func legs(r *config.Rollout, endpoints int) []leg {
	one := leg{Duration: r.Duration, MinRequests: uint64(max(0, r.MinRequests)), Success: r.Success}
	switch r.Strategy {
	case strategyBlueGreen:
		one.Name, one.Test = "preview", true
		return []leg{one}
	case strategyShadow:
		// A comparison of nothing is no comparison.
		one.Name, one.MinRequests = "shadow", max(1, one.MinRequests)
		return []leg{one}
	case strategyRolling:
		return rollingLegs(one, endpoints, r.MaxUnavailable)
	}
	out := make([]leg, 0, len(r.Stages))
	for i, s := range r.Stages {
		out = append(out, leg{
			Name: s.Name, WeightBP: s.WeightBP, Duration: s.Duration, MinRequests: uint64(max(0, s.MinRequests)),
			Lasts: r.Strategy == strategyABTest && i == len(r.Stages)-1, Approval: gateOf(s.Approval), Success: merged(r.Success, s.Success),
		})
	}
	return out
}

// rollingLegs has a leg for each of n endpoints. Leg k gives the canary k/n of the
// traffic, which k ready endpoints carry; only the last ones may go up to unavailable
// endpoints beyond, so that a canary which never gets all of them ready can finish.
func rollingLegs(each leg, n, unavailable int) []leg {
	out := make([]leg, 0, n)
	enough := max(1, n-max(0, unavailable))
	for k := 1; k <= n; k++ {
		each.Name = fmt.Sprintf("endpoint-%d", k)
		each.WeightBP = (wholeBP*k + n/2) / n
		each.Endpoints = min(k, enough)
		out = append(out, each)
	}
	return out
}

// merged is what a stage needs: a metric that it names itself replaces the rollout's
// conditions on it.
func merged(all, own config.Criteria) config.Criteria {
	if len(own) == 0 {
		return all
	}
	out := maps.Clone(all)
	if out == nil {
		out = config.Criteria{}
	}
	maps.Copy(out, own)
	return out
}

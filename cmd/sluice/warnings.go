package main

import (
	"fmt"
	"slices"
	"time"

	"sluice/analysis"
	"sluice/config"
	"sluice/rollout"
)

// Traffic that the warning about mode window assumes, as a file tells none.
const (
	assumedRPS    = 100
	assumedRate   = 0.001
	assumedShare  = 0.1
	mostSimulated = 8 // different rules: each takes some tens of milliseconds
)

// warnings are what is legal in a configuration, and yet seldom wanted, as "PATH: why".
func warnings(cfg *config.Config) []string {
	var all []string
	known := map[analysis.PointRule]float64{}
	for i := range cfg.Services {
		g := &cfg.Services[i].Guard
		if g.Mode != "window" {
			continue
		}
		for _, th := range slices.Concat(g.Breach["error_rate"], g.Breach["success_rate"]) {
			rule, ok := pointRule(g, th)
			if !ok {
				continue
			}
			rate, done := known[rule]
			if !done {
				if len(known) == mostSimulated {
					continue
				}
				rate = rule.FalseRate()
				known[rule] = rate
			}
			all = append(all, windowWarning(fmt.Sprintf("services[%d].guard.mode", i), g, th, rule, rate))
		}
	}
	return all
}

// blindStandbys are promises of a way back that rest on nothing that sluice can see, as "PATH: why". They stand apart
// from warnings, as a file to copy can't know anybody's health path.
func blindStandbys(cfg *config.Config) []string {
	var all []string
	for i := range cfg.Services {
		if why := cfg.Services[i].BlindStandby(); why != "" {
			all = append(all, fmt.Sprintf("services[%d].rollout.standby: %s", i, why))
		}
	}
	return all
}

// undone are promotions that the file would take back, as "PATH: why", by what the state directory holds. State that
// can't be read, another user's say, tells nothing.
func undone(cfg *config.Config) []string {
	told, err := rollout.Undone(cfg.State.Dir, cfg)
	if err != nil {
		return nil
	}
	var all []string
	for i := range cfg.Services {
		if why := told[cfg.Services[i].Name]; why != "" {
			all = append(all, fmt.Sprintf("services[%d].stable: %s", i, why))
		}
	}
	return all
}

// cautions are all that validate warns of: the file's own, and what it means to a state that there is.
func cautions(cfg *config.Config) []string {
	return slices.Concat(warnings(cfg), blindStandbys(cfg), undone(cfg))
}

// pointRule is a condition on the window's figure, taken literally.
func pointRule(g *config.Guard, th config.Threshold) (analysis.PointRule, bool) {
	r := analysis.PointRule{PerSecond: assumedRPS, Share: assumedShare, Base: assumedRate, Ratio: th.Ratio, Limit: th.Value,
		Window: g.Window, MinRequests: uint64(max(g.MinRequests, 0))}
	if th.Op == "<" || th.Op == "<=" { // success_rate
		r.Limit = 1 - th.Value
	}
	return r, (th.Op[0] == '>' || th.Ratio == 0) && g.Window > 0
}

// windowWarning tells what a comparison of bare figures would do, why sluice asks for more, and
// what that costs.
func windowWarning(path string, g *config.Guard, th config.Threshold, r analysis.PointRule, rate float64) string {
	perWindow := assumedRPS * assumedShare * g.Window.Seconds()
	text := fmt.Sprintf("%s: a bare comparison %q over %s would condemn a healthy canary within an hour in %.0f%% of cases"+
		" (at %d requests/s, %g%% of them to the canary, %g%% errors on both);"+
		" sluice therefore asks for a bound over the window's figure, and sees less than with mode: evidence, which it replaces",
		path, th.Text, g.Window.Round(time.Second), rate*100, assumedRPS, float64(assumedShare*100), assumedRate*100)
	if perWindow < float64(r.MinRequests) {
		text += fmt.Sprintf("; at this traffic a window never holds the %d requests of min_requests", r.MinRequests)
	}
	return text
}

package config

import (
	"slices"
	"strings"
)

func (d *decoder) validateRollout(s *Service, r *Rollout, service string) {
	path := service + ".rollout"
	d.knownVersion(s, service, path+".canary", r.Canary)
	if r.Canary != "" && r.Canary == s.Stable && !d.opaque(path+".canary") {
		d.fault(path+".canary", "got %s, which is stable already", quote(r.Canary))
	}
	d.validateStages(r, path)
	if !d.wrongOrOpaque(path+".strategy") && r.Strategy != "" {
		d.validateStrategy(s, r, service)
	}
	d.validateSmokeTests(s, r.SmokeTests, path+".smoke_tests")
	d.validateHooks(s, r, service)
}

func (d *decoder) validateStages(r *Rollout, path string) {
	seen, highest := map[string]string{}, 0
	for i, stage := range r.Stages {
		at := element(path+".stages", i)
		d.unique(seen, stage.Name, at+".name", "stage")
		if !d.known(at + ".weight") {
			continue
		}
		switch {
		case stage.WeightBP == 0:
			d.fault(at+".weight", "got 0, want some traffic for the canary")
		case stage.WeightBP < highest:
			d.fault(at+".weight", "got %s, want at least the %s of a stage before",
				showPercent(int64(stage.WeightBP)*10_000), showPercent(int64(highest)*10_000))
		}
		highest = max(highest, stage.WeightBP)
	}
}

// validateStrategy refuses what does nothing under the rollout's strategy, and what it cannot do without.
func (d *decoder) validateStrategy(s *Service, r *Rollout, service string) {
	path := service + ".rollout"
	if slices.Contains(stageless(), r.Strategy) {
		if d.stands(path + ".stages") {
			d.fault(path+".stages", "strategy %s has no stages", r.Strategy)
		}
	} else {
		for _, key := range []string{".duration", ".min_requests"} {
			if d.stands(path + key) {
				d.fault(path+key, "belongs to %s; of %s every stage has its own", strings.Join(stageless(), ", "), r.Strategy)
			}
		}
	}
	for key, strategy := range map[string]string{".max_unavailable": "rolling", ".max_difference": "shadow"} {
		if d.stands(path+key) && r.Strategy != strategy {
			d.fault(path+key, "belongs to strategy %s", strategy)
		}
	}
	switch r.Strategy {
	case "ab_test":
		d.validateTest(r, path)
	case "shadow":
		d.validateShadow(s, r, service)
	case "rolling":
		d.validateRolling(s, r, path)
	}
}

// validateTest: an A/B test needs a share for each side, for as long as it lasts.
func (d *decoder) validateTest(r *Rollout, path string) {
	if !d.stands(path + ".stages") {
		d.fault(path+".stages", "missing, want the shares to test with, such as [{weight: 50}]")
	}
	if last := len(r.Stages) - 1; last >= 0 && r.Stages[last].WeightBP == 10_000 && !d.wrongOrOpaque(element(path+".stages", last)+".weight") {
		d.fault(element(path+".stages", last)+".weight", "the last stage of ab_test gives 100 to one side, want something to compare with")
	}
}

// validateShadow: a shadow lives on copies, and promotes nothing.
func (d *decoder) validateShadow(s *Service, r *Rollout, service string) {
	path, mirror := service+".rollout", service+".mirror"
	switch {
	case d.wrongOrOpaque(path+".canary") || d.faulty(mirror) || d.wrongOrOpaque(mirror+".to"):
	case s.Mirror == nil:
		d.fault(path+".strategy", "shadow needs copies of requests: mirror: {to: %s, percent: 10}", r.Canary)
	case s.Mirror.To != r.Canary:
		d.fault(mirror+".to", "got %s, want the canary %s that strategy shadow looks at", quote(s.Mirror.To), r.Canary)
	case s.Mirror.Percent == 0 && d.known(mirror+".percent"):
		d.fault(mirror+".percent", "got 0, so strategy shadow would see nothing")
	}
	if s.Mirror != nil && s.Mirror.To == r.Canary && !s.Mirror.Compare && d.known(mirror+".compare") {
		d.fault(mirror+".compare", "got false, but strategy shadow compares")
	}
	if d.known(path+".on_failure") && r.OnFailure == "pause" {
		d.fault(path+".on_failure", "strategy shadow moves no weight, so there is nothing to pause at")
	}
	if d.stands(path + ".approval") {
		d.fault(path+".approval", "strategy shadow promotes nothing, so there is nothing to approve")
	}
}

func (d *decoder) validateRolling(s *Service, r *Rollout, path string) {
	for _, v := range s.Versions {
		if v.Name == r.Canary && r.MaxUnavailable >= len(v.Endpoints) && len(v.Endpoints) > 0 && d.known(path+".max_unavailable") {
			d.fault(path+".max_unavailable", "got %d, want fewer than the %d of %s's endpoints", r.MaxUnavailable, len(v.Endpoints), v.Name)
		}
	}
}

// validateHooks also holds hooks to the versions, stages and variables that there are.
func (d *decoder) validateHooks(s *Service, r *Rollout, service string) {
	seen, labels, path := map[string]string{}, labelVariables(s), service+".rollout"
	known := func(name string) bool { return labels[name] || hookVariable(name) }
	for i := range r.Hooks {
		h, at := &r.Hooks[i], element(path+".hooks", i)
		d.unique(seen, h.Name, at+".name", "hook")
		d.validateHookStages(r, h, path, at)
		for j, name := range h.Versions {
			d.knownVersion(s, service, element(at+".versions", j), name)
		}
		if d.options.Expand {
			d.variables(h.Body, at+".body", known, strings.Join(hookVariables(), ", ")+", evidence_NAME or label_NAME of a label that a version has")
		}
		if d.wrongOrOpaque(at+".format") || d.wrongOrOpaque(at+".on") {
			continue
		}
		if d.stands(at+".metadata") && h.Format != "flagger" {
			d.fault(at+".metadata", "belongs to format: flagger")
		}
		if d.stands(at+".body") && h.Format != "json" {
			d.fault(at+".body", "format %s has a body of its own", h.Format)
		}
	}
}

func (d *decoder) validateHookStages(r *Rollout, h *Hook, rollout, path string) {
	if !d.stands(path+".stages") || d.faulty(rollout+".stages") || d.wrongOrOpaque(path+".on") {
		return
	}
	if !stagePoint(h.On) {
		d.fault(path+".stages", "%s comes once a rollout, not once a stage", h.On)
		return
	}
	var all []string
	for i, s := range r.Stages {
		if d.wrongOrOpaque(element(rollout+".stages", i) + ".name") {
			return
		}
		all = append(all, s.Name)
	}
	if len(all) == 0 {
		if !d.wrongOrOpaque(rollout + ".strategy") {
			d.fault(path+".stages", "strategy %s has no stages", r.Strategy)
		}
		return
	}
	seen := map[string]string{}
	for i, name := range h.Stages {
		at := element(path+".stages", i)
		d.unique(seen, name, at, "stage")
		if name != "" && !d.opaque(at) && !slices.Contains(all, name) {
			d.fault(at, "got %s, want one of the stages %s%s", quote(name), strings.Join(all[:min(len(all), 10)], ", "), didYouMean(name, all))
		}
	}
}

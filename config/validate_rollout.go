package config

import (
	"maps"
	"regexp"
	"slices"
)

func (d *decoder) validateRollout(s *Service, r *Rollout, service string) {
	path := service + ".rollout"
	d.knownVersion(s, service, path+".canary", r.Canary)
	if r.Canary != "" && r.Canary == s.Stable && !d.opaque(path+".canary") {
		d.fault(path+".canary", "got %s, which is stable already", quote(r.Canary))
	}
	if d.stands(path+".stages") && slices.Contains([]string{"blue_green", "shadow", "rolling"}, r.Strategy) {
		d.fault(path+".stages", "strategy %s has no stages", r.Strategy)
	}
	d.validateStages(r, path)
	d.validateSmokeTests(r.SmokeTests, path+".smoke_tests")
	seen := map[string]string{}
	for i, h := range r.Hooks {
		d.unique(seen, h.Name, element(path+".hooks", i)+".name", "hook")
	}
}

func (d *decoder) validateStages(r *Rollout, path string) {
	seen := map[string]string{}
	for i, stage := range r.Stages {
		at := element(path+".stages", i)
		d.unique(seen, stage.Name, at+".name", "stage")
		if d.opaque(at+".weight") || d.faulty(at+".weight") || !d.stands(at+".weight") {
			continue
		}
		switch {
		case stage.WeightBP == 0:
			d.fault(at+".weight", "got 0, want some traffic for the canary")
		case i > 0 && stage.WeightBP < r.Stages[i-1].WeightBP:
			d.fault(at+".weight", "got %s, want at least the %s of the stage before",
				showPercent(int64(stage.WeightBP)*10_000), showPercent(int64(r.Stages[i-1].WeightBP)*10_000))
		}
	}
}

// validateSmokeTests also follows the variables: a test may use what an earlier
// one captures, so that a misspelt name shows here and not in the middle of a rollout.
func (d *decoder) validateSmokeTests(tests []SmokeTest, path string) {
	seen, captured := map[string]string{}, map[string]bool{}
	for i := range tests {
		t, at := &tests[i], element(path, i)
		d.unique(seen, t.Name, at+".name", "smoke test")
		if d.options.Expand {
			d.variables(t.Endpoint, at+".endpoint", captured)
			d.variables(t.Payload, at+".payload", captured)
			d.variables(t.ExpectedResponse, at+".expected_response", captured)
			for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
				d.variables(t.Headers[name], child(at+".headers", name), captured)
			}
		}
		for name := range t.Capture {
			captured[name] = true
		}
	}
}

// variablePattern finds ${name}, and $$ so that it can be passed over.
func variablePattern() *regexp.Regexp { return regexp.MustCompile(`\$\$|\$\{([A-Za-z0-9_]+)\}`) }

func (d *decoder) variables(v any, path string, captured map[string]bool) {
	switch v := v.(type) {
	case string:
		for _, m := range variablePattern().FindAllStringSubmatch(v, -1) {
			if m[1] != "" && !captured[m[1]] {
				d.fault(path, "${%s} is captured by no earlier test; the environment is ${env:%s}", m[1], m[1])
			}
		}
	case []any:
		for i, item := range v {
			d.variables(item, element(path, i), captured)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			d.variables(v[name], child(path, name), captured)
		}
	}
}

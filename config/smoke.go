package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

func smokeTestKind() kind[SmokeTest] {
	base := SmokeTest{Method: "GET", ExpectedStatus: 200, Timeout: 5 * time.Second}
	return mapping(base,
		needs("name", "The test's name, unique.", title(), func(s *SmokeTest) *string { return &s.Name }),
		needs("endpoint", "Path to ask for; ${name} is a value captured before.", requestTarget(), func(s *SmokeTest) *string { return &s.Endpoint }),
		has("method", "Request method.", method(), func(s *SmokeTest) *string { return &s.Method }),
		has("payload", "JSON body; ${name} is a value captured before.", anything(), func(s *SmokeTest) *any { return &s.Payload }),
		has("headers", "Request headers; ${name} is a value captured before.", headerValues(headerName), func(s *SmokeTest) *map[string]string { return &s.Headers }),
		has("expected_status", "Status that the answer must have.", integer(100, 599), func(s *SmokeTest) *int { return &s.ExpectedStatus }),
		has("expected_response", "What the answer must hold: JSON, or a text.", anything(), func(s *SmokeTest) *any { return &s.ExpectedResponse }),
		has("capture", "Values of the answer for later tests: name: $.path.", dict(capturePath(), captureName), func(s *SmokeTest) *map[string]string { return &s.Capture }),
		has("timeout", "For one test.", duration(time.Millisecond), func(s *SmokeTest) *time.Duration { return &s.Timeout }),
	)
}

// title is a name that only people read: it may hold spaces.
func title() kind[string] {
	k := nonEmpty("a name in one line")
	read := k.read
	k.read = func(d *decoder, n *node, path string, dst *string) {
		if n.kind == scalarNode && (len(n.text) > 128 || n.text != strings.TrimSpace(n.text)) {
			d.faultAt(n.line, n.col, path, "want at most 128 bytes, without spaces around them")
			return
		}
		read(d, n, path, dst)
	}
	return k
}

func captureName(s string) (string, error) {
	if !variableName(s) {
		return "", fmt.Errorf("got %s, want a name of letters, digits and '_'", quote(s))
	}
	return s, nil
}

func capturePath() kind[string] {
	re := regexp.MustCompile(`^\$(\.[A-Za-z0-9_-]+|\[\d{1,6}\])*$`)
	return text("a path into the answer such as $.token or $.items[0].id", re.String(), matching(re))
}

const labelVariable = "label_" // and a label's name: its value

const smokeVariableNames = "service, version, endpoint"

// smokeVariable reports whether ${name} is known to every smoke test, besides labels.
func smokeVariable(name string) bool {
	return slices.Contains(strings.Split(smokeVariableNames, ", "), name)
}

// labelVariables are label_NAME for every label that a version of s has; what no variable's
// name can hold is _ there.
func labelVariables(s *Service) map[string]bool {
	all := map[string]bool{}
	for i := range s.Versions {
		for label := range s.Versions[i].Labels {
			all[labelVariable+strings.Map(func(r rune) rune {
				if r < 0x80 && isAlnum(byte(r)) {
					return r
				}
				return '_'
			}, label)] = true
		}
	}
	return all
}

// validateSmokeTests also follows the variables: a test may use what an earlier
// one captures, so that a misspelt name shows here and not in the middle of a rollout.
func (d *decoder) validateSmokeTests(s *Service, tests []SmokeTest, path string) {
	seen, captured, labels := map[string]string{}, map[string]bool{}, labelVariables(s)
	known := func(name string) bool { return captured[name] || labels[name] || smokeVariable(name) }
	const want = "what an earlier test captures, " + smokeVariableNames + " or label_NAME of a label that a version has"
	for i := range tests {
		t, at := &tests[i], element(path, i)
		d.unique(seen, t.Name, at+".name", "smoke test")
		if d.options.Expand {
			d.variables(t.Endpoint, at+".endpoint", known, want)
			d.variables(t.Payload, at+".payload", known, want)
			d.variables(t.ExpectedResponse, at+".expected_response", known, want)
			for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
				d.variables(t.Headers[name], child(at+".headers", name), known, want)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(t.Capture)) {
			if smokeVariable(name) || labels[name] {
				d.fault(child(at+".capture", name), "${%s} is known to every test, take another name", name)
			}
			captured[name] = true
		}
	}
}

// variablePattern finds ${name}, and $$ so that it can be passed over.
func variablePattern() *regexp.Regexp { return regexp.MustCompile(`\$\$|\$\{([A-Za-z0-9_]+)\}`) }

// variables notes a fault for each ${name} in v, a text or JSON, that is not known; want says which are.
func (d *decoder) variables(v any, path string, known func(string) bool, want string) {
	switch v := v.(type) {
	case string:
		for _, m := range variablePattern().FindAllStringSubmatch(v, -1) {
			if m[1] != "" && !known(m[1]) {
				d.fault(path, "${%s} is not known here, want %s; the environment is ${env:%s}", m[1], want, m[1])
			}
		}
	case []any:
		for i, item := range v {
			d.variables(item, element(path, i), known, want)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			d.variables(v[name], child(path, name), known, want)
		}
	}
}

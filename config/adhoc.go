package config

import (
	"slices"
	"strings"
)

// ParseInjection reads one chaos experiment for s as the file's `faults` hold
// it, from JSON or YAML at hand. Nothing is expanded: a ${…} is a fault. The error, if
// any, is of type Faults, with paths below the experiment.
func ParseInjection(data []byte, s *Service) (Injection, error) {
	const base = "x" // stands for the service; cut off again
	at := element(base+".faults", 0)
	root, faults := parseYAML("", data)
	if root == nil {
		if len(faults) == 0 {
			faults = Faults{{Line: 1, Col: 1, Message: "nothing is there, want an experiment"}}
		}
		return Injection{}, faults
	}
	d := newDecoder("", ParseOptions{})
	d.note(root, at)
	var in Injection
	injectionKind().read(d, root, at, &in)
	for _, path := range sortedKeys(d.places) {
		if d.opaque(path) {
			d.fault(path, "${…} is not expanded here")
		}
	}
	alone := *s
	alone.Faults = []Injection{in}
	d.validateInjections(&alone, base)
	faults = append(faults, d.faults...).sorted()
	for i := range faults {
		faults[i].Path = strings.TrimPrefix(strings.TrimPrefix(faults[i].Path, at), ".")
	}
	if err := faults.asError(); err != nil {
		return Injection{}, err
	}
	return in, nil
}

// Show is an experiment under the keys of the file, ready for encoding/json.
func (i Injection) Show() map[string]any {
	shown, _ := injectionKind().show(i).(map[string]any)
	return shown
}

func sortedKeys(places map[string]place) []string {
	all := make([]string, 0, len(places))
	for path := range places {
		all = append(all, path)
	}
	slices.Sort(all)
	return all
}

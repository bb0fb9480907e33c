package webhook

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/config"
)

// variables are what ${name} in a body of the hook's own may be: the names of our own message; label_NAME,
// evidence_NAME and event_NAME for what lies within (of an event: empty where there is none), with _ for what no variable's name can hold;
// and labels and evidence as a whole, which stay objects where they are all of a text.
func (f *Facts) variables(hook config.Hook) map[string]any {
	vars := map[string]any{
		"service": f.Service, "phase": f.Phase, "point": f.Point, "version": f.Version, "stable": f.Stable,
		"strategy": f.Strategy, "stage": f.Stage, "weight": strconv.FormatFloat(f.Weight, 'f', -1, 64), "id": f.ID,
		"key": f.delivery(hook), "reason": f.Reason, "config_version": f.ConfigVersion,
		"time": f.Time.UTC().Format(time.RFC3339Nano), "hook": hook.Name, "event_time": "",
		"labels": whole(f.Labels), "evidence": whole(Encodable(f.Evidence)),
	}
	event := Event{}
	if f.Event != nil {
		event = *f.Event
		vars["event_time"] = event.Time.UTC().Format(time.RFC3339Nano)
	}
	vars["event_type"], vars["event_message"], vars["event_version"], vars["event_by"] = event.Type, event.Message, event.Version, event.By
	for name, value := range f.Labels {
		vars["label_"+variable(name)] = value
	}
	for name, value := range Encodable(f.Evidence) {
		vars["evidence_"+variable(name)] = flat(value)
	}
	return vars
}

// whole keeps an empty object an object.
func whole[T any](m map[string]T) map[string]any {
	out := make(map[string]any, len(m))
	for name, value := range m {
		out[name] = value
	}
	return out
}

// flat is a value as it stands within a text: a string without its quotes, anything else as JSON.
func flat(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

func variable(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
}

// fill copies a tree with the variables put into its strings: what they hold can't become syntax, as
// the tree is encoded afterwards.
func fill(tree any, vars map[string]any) (any, error) {
	switch tree := tree.(type) {
	case string:
		return fillText(tree, vars)
	case []any:
		out := make([]any, len(tree))
		for i, item := range tree {
			var err error
			if out[i], err = fill(item, vars); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(tree))
		for name, item := range tree {
			var err error
			if out[name], err = fill(item, vars); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return tree, nil
}

// fillText replaces ${name} and, as configuration has it, $$ by a dollar.
func fillText(s string, vars map[string]any) (any, error) {
	var out strings.Builder
	for rest := s; ; {
		i := strings.IndexByte(rest, '$')
		if i < 0 || i == len(rest)-1 {
			out.WriteString(rest)
			return out.String(), nil
		}
		out.WriteString(rest[:i])
		rest = rest[i+1:]
		if rest[0] != '{' {
			out.WriteByte('$')
			rest = strings.TrimPrefix(rest, "$")
			continue
		}
		name, after, closed := strings.Cut(rest[1:], "}")
		value, known := vars[name]
		if !closed || !known {
			return nil, fmt.Errorf("got ${%s}, want one of %s", Printable(name, 40), strings.Join(slices.Sorted(maps.Keys(vars)), ", "))
		}
		if object, is := value.(map[string]any); is && s == "${"+name+"}" {
			return object, nil
		}
		out.WriteString(flat(value))
		rest = after
	}
}

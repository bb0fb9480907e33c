package smoke

import (
	"slices"
	"strings"
)

const (
	masked    = "***"
	leastMask = 4 // bytes: shorter values are no secrets, and would tear holes into other texts
)

// secrets are values that no message shows.
type secrets struct{ values []string }

// add keeps a value from being shown if its name says that it is a secret.
func (s *secrets) add(name, value string) {
	if !secretName(name) {
		return
	}
	s.keep(value)
	if _, credential, ok := strings.Cut(value, " "); ok { // "Bearer …"
		s.keep(credential)
	}
}

func (s *secrets) keep(value string) {
	if len(value) < leastMask || slices.Contains(s.values, value) {
		return
	}
	s.values = append(s.values, value)
	// One that contains another goes first.
	slices.SortFunc(s.values, func(a, b string) int { return len(b) - len(a) })
}

// addAll adds the secret members of a JSON value.
func (s *secrets) addAll(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			switch member.(type) {
			case map[string]any, []any:
				s.addAll(member)
			default:
				s.add(name, plainText(member))
			}
		}
	case []any:
		for _, element := range v {
			s.addAll(element)
		}
	}
}

func (s *secrets) mask(text string) string {
	for _, value := range s.values {
		text = strings.ReplaceAll(text, value, masked)
	}
	return text
}

// hide is a JSON value without secrets: by name, and by value before it is quoted.
func (s *secrets) hide(v any) any {
	switch v := v.(type) {
	case string:
		return s.mask(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = s.hide(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			if out[name] = s.hide(member); secretName(name) {
				out[name] = masked
			}
		}
		return out
	}
	return v
}

// secretName reports whether what has this name is not to be shown.
func secretName(name string) bool {
	name = strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
	return slices.ContainsFunc([]string{"token", "password", "passwd", "secret", "authorization", "cookie", "apikey", "privatekey", "credential"},
		func(word string) bool { return strings.Contains(name, word) })
}

package smoke

import (
	"fmt"
	"strconv"
	"strings"
)

// capture takes a value out of an answer: $.a.b[0].c, or $ for all of it, which may be a plain text.
func capture(path string, body []byte, doc any, jsonErr error) (any, error) {
	steps, err := parsePath(path)
	if err != nil {
		return nil, err
	}
	if jsonErr != nil {
		if len(steps) == 0 {
			return strings.TrimRight(string(body), "\r\n"), nil
		}
		return nil, fmt.Errorf("got an answer that is no JSON, want %s in it: %w", path, jsonErr)
	}
	at, v := "$", doc
	for _, s := range steps {
		next, ok := s.in(v)
		if !ok {
			return nil, fmt.Errorf("%s has no %s", at, s)
		}
		at, v = at+s.String(), next
	}
	return v, nil
}

// step is a member of an object or an element of an array.
type step struct {
	member  string
	element int // -1: a member
}

func (s step) String() string {
	if s.element >= 0 {
		return fmt.Sprintf("[%d]", s.element)
	}
	return "." + s.member
}

func (s step) in(v any) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		member, ok := v[s.member]
		return member, ok && s.element < 0
	case []any:
		if s.element >= 0 && s.element < len(v) {
			return v[s.element], true
		}
	}
	return nil, false
}

// parsePath reads $ followed by .name and [number], any number of them.
func parsePath(path string) ([]step, error) {
	bad := func() error { return fmt.Errorf("got the path %.60q, want one such as $.token or $.items[0].id", path) }
	rest, ok := strings.CutPrefix(path, "$")
	if !ok {
		return nil, bad()
	}
	var steps []step
	for rest != "" {
		end := len(rest)
		if i := strings.IndexAny(rest[1:], ".["); i >= 0 {
			end = i + 1
		}
		part := rest[:end]
		rest = rest[end:]
		if name, ok := strings.CutPrefix(part, "."); ok && name != "" && !strings.ContainsAny(name, "]") {
			steps = append(steps, step{member: name, element: -1})
			continue
		}
		digits, ok := strings.CutSuffix(strings.TrimPrefix(part, "["), "]")
		n, err := strconv.ParseUint(digits, 10, 31)
		if part[0] != '[' || !ok || err != nil {
			return nil, bad()
		}
		steps = append(steps, step{element: int(n)})
	}
	return steps, nil
}

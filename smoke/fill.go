package smoke

import (
	"encoding/json"
	"fmt"
	"strings"
)

// fill replaces ${name} in a text by its value and $$ by a dollar; any other dollar
// stays, as in the configuration. escape (nil: none) is applied to values.
func (r *runner) fill(text string, escape func(string) string) (string, error) {
	var out strings.Builder
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 || i == len(text)-1 {
			out.WriteString(text)
			return out.String(), nil
		}
		out.WriteString(text[:i])
		text = text[i+1:]
		end := strings.IndexByte(text, '}')
		switch {
		case text[0] == '$':
			out.WriteByte('$')
			text = text[1:]
		case text[0] == '{' && end > 0:
			value, err := r.value(text[1:end])
			if err != nil {
				return "", err
			}
			plain := plainText(value)
			if escape != nil {
				plain = escape(plain)
			}
			out.WriteString(plain)
			text = text[end+1:]
		default:
			out.WriteByte('$')
		}
	}
}

func (r *runner) value(name string) (any, error) {
	if v, ok := r.values[name]; ok {
		return v, nil
	}
	if test, ok := r.owed[name]; ok {
		return nil, fmt.Errorf("${%s} has no value, as test %s, which captures it, failed", name, test)
	}
	if label, ok := strings.CutPrefix(name, "label_"); ok {
		return nil, fmt.Errorf("${%s} has no value: the version has no label %s", name, label)
	}
	return nil, fmt.Errorf("${%s} has no value: no earlier test captures it", name)
}

// plainText is a value within a text: a string without its quotes, anything else as JSON.
func plainText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// fillAll fills all texts within a JSON value. A text that is one ${name} and nothing else
// becomes the captured value with its own type: the number 42, not "42".
func (r *runner) fillAll(v any) (any, error) {
	switch v := v.(type) {
	case string:
		if name, ok := lone(v); ok {
			return r.value(name)
		}
		return r.fill(v, nil)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = r.fillAll(v[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for name := range v {
			var err error
			if out[name], err = r.fillAll(v[name]); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// lone reports whether a text is one variable and nothing else.
func lone(text string) (name string, ok bool) {
	inner, ok := strings.CutPrefix(text, "${")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(inner, "}")
	return name, ok && !strings.ContainsAny(name, "${}")
}

package upstream

import (
	"strings"
	"testing"
)

func TestJSONExpectations(t *testing.T) {
	for _, test := range []struct {
		name string
		want map[string]any
		got  string
		err  string // "": holds
	}{
		{"equal", map[string]any{"connected": true}, `{"connected":true}`, ""},
		{"further members", map[string]any{"a": "x"}, `{"a":"x","b":[1,2]}`, ""},
		{"nothing expected", map[string]any{}, `{"a":1}`, ""},
		{"missing", map[string]any{"a": nil}, `{}`, "json a is missing"},
		{"null", map[string]any{"a": nil}, `{"a":null}`, ""},
		{"null expected", map[string]any{"a": nil}, `{"a":0}`, "json a"},
		{"differs", map[string]any{"connected": true}, `{"connected":false}`, "json connected: got false, want true"},
		{"int is float", map[string]any{"n": 1}, `{"n":1.0}`, ""},
		{"uint64", map[string]any{"n": uint64(7)}, `{"n":7}`, ""},
		{"exponent", map[string]any{"n": int64(1000)}, `{"n":1e3}`, ""},
		{"float", map[string]any{"n": 0.5}, `{"n":0.5}`, ""},
		{"number differs", map[string]any{"n": 2}, `{"n":1}`, "json n"},
		{"number is no text", map[string]any{"n": 1}, `{"n":"1"}`, "json n"},
		{"text is no number", map[string]any{"n": "1"}, `{"n":1}`, "json n"},
		{"nested subset", map[string]any{"db": map[string]any{"up": true}}, `{"db":{"up":true,"ms":3},"x":0}`, ""},
		{"nested differs", map[string]any{"db": map[string]any{"up": true}}, `{"db":{"up":false}}`, "json db.up"},
		{"nested is scalar", map[string]any{"db": map[string]any{"up": true}}, `{"db":true}`, "json db"},
		{"array", map[string]any{"a": []any{1, map[string]any{"b": "c"}}}, `{"a":[1,{"b":"c","d":0}]}`, ""},
		{"array length", map[string]any{"a": []any{1}}, `{"a":[1,2]}`, "json a"},
		{"array element", map[string]any{"a": []any{1, 2}}, `{"a":[1,3]}`, "json a[1]"},
		{"value of no JSON kind", map[string]any{"a": []string{"x"}}, `{"a":["x"]}`, "json a"},
		{"no object", map[string]any{"a": 1}, `[1]`, "json"},
		{"no json", map[string]any{"a": 1}, `<html>`, "body is not JSON"},
		{"trailing", map[string]any{"a": 1}, `{"a":1} x`, "body is not JSON"},
	} {
		c := Check{JSON: test.want}
		err := c.judge([]byte(test.got))
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.err)
		}
	}
}

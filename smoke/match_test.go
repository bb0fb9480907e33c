package smoke

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestNumbersAreComparedByValue(t *testing.T) {
	f := func(want any, got string, same_ bool) {
		t.Helper()
		if same(want, json.Number(got)) != same_ {
			t.Errorf("%v and %s: want %v", want, got, same_)
		}
	}
	f(1, "1", true)
	f(1, "1.0", true)
	f(1, "1e0", true)
	f(1.5, "1.50", true)
	f(0.0, "0", true)
	f(0, "-0", true)
	f(uint64(18446744073709551615), "18446744073709551615", true)
	f(uint64(18446744073709551615), "18446744073709551614", false)
	f(int64(9007199254740993), "9007199254740992", false)
	f(1, "2", false)
	f(1.0, "1e400", false)
	f(json.Number("1e400"), "1e400", true)
	f("1", "1", false)
	f(nil, "0", false)
	f(false, "0", false)
	if !same(nil, nil) || !same(true, true) || same(true, false) || same(nil, false) || same(1, "1") || same(1, nil) {
		t.Error("booleans and null")
	}
}

func TestPaths(t *testing.T) {
	var doc any
	if err := json.Unmarshal([]byte(`{"a": {"b-c": [10, {"d_1": "x"}]}, "0": "zero"}`), &doc); err != nil {
		t.Fatal(err)
	}
	f := func(path string, want any, wantErr string) {
		t.Helper()
		got, err := capture(path, nil, doc, nil)
		if wantErr == "" && err != nil || wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)) || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, error %v, want %v, %s", path, got, err, want, wantErr)
		}
	}
	f("$", doc, "")
	f("$.a.b-c[0]", 10.0, "")
	f("$.a.b-c[1].d_1", "x", "")
	f("$.0", "zero", "")
	f("$[0]", nil, "$ has no [0]")
	f("$.a[0]", nil, "$.a has no [0]")
	f("$.a.b-c[2]", nil, "$.a.b-c has no [2]")
	f("$.a.b-c.x", nil, "$.a.b-c has no .x")
	f("$.a.b-c[0].x", nil, "$.a.b-c[0] has no .x")
	for _, bad := range []string{"", "a", "$a", "$.", "$..a", "$.a.", "$[", "$[]", "$[x]", "$[-1]", "$[1", "$[1]x", "$[99999999999]", "$.a]"} {
		f(bad, nil, "got the path")
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"$", "$.a[0].b", "$[1][2]", "$..", "$[", "$.a]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		steps, err := parsePath(path)
		if err != nil {
			return
		}
		text := "$"
		for _, s := range steps {
			text += s.String()
		}
		again, err := parsePath(text)
		if err != nil || !reflect.DeepEqual(again, steps) {
			t.Fatalf("%q: %v became %v, %v", path, steps, again, err)
		}
	})
}

func FuzzFill(f *testing.F) {
	for _, s := range []string{"", "$", "$$", "${a}", "x${a}$${a}${", "${b}", "}${", "${}", "$${a}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := &runner{values: map[string]any{"a": "VALUE"}}
		got, err := r.fill(text, nil)
		if err != nil {
			if !strings.Contains(text, "${") {
				t.Fatalf("%q has no variable: %v", text, err)
			}
			return
		}
		if !strings.Contains(text, "$") && got != text {
			t.Fatalf("%q became %q", text, got)
		}
		// A text with all dollars doubled stands for itself.
		if back, err := r.fill(strings.ReplaceAll(got, "$", "$$"), nil); err != nil || back != got {
			t.Fatalf("%q, doubled, became %q, %v", got, back, err)
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add(`{"a": 1, "b": [true, null, "x.*"]}`, `{"b": [true, null, "xyz"], "a": 1.0, "c": 2}`)
	f.Add(`[1e400, -0, "("]`, `[1e400, 0, "("]`)
	f.Add(`"${a}"`, `"VALUE"`)
	f.Fuzz(func(t *testing.T, wanted, answer string) {
		want, err1 := decode([]byte(wanted))
		got, err2 := decode([]byte(answer))
		if err1 != nil || err2 != nil || len(wanted) > 1000 {
			return
		}
		r := &runner{values: map[string]any{"a": "VALUE"}}
		if err := r.match("$", want, got); err != nil && len(err.Error()) > 4*maxShown+len(wanted)+len(answer)+200 {
			t.Fatalf("a message of %d bytes", len(err.Error()))
		}
		if err := r.match("$", got, got); err != nil && !strings.Contains(answer, "$") && !strings.Contains(answer, `\u0024`) {
			t.Fatalf("%s does not match itself: %v", answer, err)
		}
	})
}

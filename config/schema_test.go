package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The committed schema is what editors fetch: it must be what the tables say.
func TestSchemaIsCurrent(t *testing.T) {
	if *update {
		if err := os.WriteFile("schema.json", Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, Schema()) {
		t.Error("config/schema.json is out of date: go test ./config -run TestSchemaIsCurrent -update")
	}
}

func schemaTree(t *testing.T) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := json.Unmarshal(Schema(), &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestSchemaAccepts(t *testing.T) {
	reference, err := os.ReadFile("testdata/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"reference": string(reference), "full": full, "one": one} {
		for _, problem := range conforms(schemaTree(t), jsonOf(t, text), name) {
			t.Error(problem)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	for _, text := range []string{
		"drain: {delay: 1s}",
		"service: []\n" + one,
		"drain: {delay: 10}\n" + one,
		"log: {level: loud}\n" + one,
		"proxy: {max_headers: 0}\n" + one,
		one + "    sticky: {cookie: a, header: b}\n",
		one + "    retries: {on: [200]}\n",
		one + "    routes: [{path: shop}]\n",
		one + "    guard: {breach: {error_rate: 5%}}\n",
		strings.Replace(one, "stable", "stabel", 1),
	} {
		if conforms(schemaTree(t), jsonOf(t, text), "x") == nil {
			t.Errorf("accepted:\n%s", text)
		}
	}
}

func TestSchemaDescribesEveryKey(t *testing.T) {
	var walk func(path string, v any)
	walk = func(path string, v any) {
		tree, ok := v.(map[string]any)
		if !ok {
			return
		}
		if properties, ok := tree["properties"].(map[string]any); ok {
			for name, p := range properties {
				if d, _ := p.(map[string]any)["description"].(string); d == "" {
					t.Errorf("%s.%s has no description", path, name)
				}
				walk(path+"."+name, p)
			}
		}
		walk(path+"[]", tree["items"])
		if any, ok := tree["anyOf"].([]any); ok {
			for _, alternative := range any {
				walk(path, alternative)
			}
		}
	}
	walk("", map[string]any(schemaTree(t)))
}

// jsonOf is a text's plain tree, as an editor's schema check would see it.
func jsonOf(t *testing.T, text string) any {
	t.Helper()
	root, faults := parseYAML("f", []byte(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return newDecoder("f", ParseOptions{}).any(root, "")
}

// conforms checks v by the keywords that Schema uses; an unknown keyword is a problem too.
func conforms(s map[string]any, v any, at string) (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, at+": "+fmt.Sprintf(format, args...)) }
	for _, keyword := range slices.Sorted(maps.Keys(s)) {
		want := s[keyword]
		switch keyword {
		case "$schema", "$id", "title", "description", "default", "patternProperties", "dependentRequired":
		case "type":
			if !slices.ContainsFunc(asList(want), func(name any) bool { return hasType(v, name.(string)) }) {
				bad("%v is no %v", v, want)
			}
		case "enum":
			if !slices.Contains(want.([]any), v) {
				bad("%v is none of %v", v, want)
			}
		case "pattern":
			if text, ok := v.(string); ok && !regexp.MustCompile(want.(string)).MatchString(text) {
				bad("%q does not match %s", text, want)
			}
		case "minimum", "maximum":
			if number, ok := v.(float64); ok && (keyword == "minimum" && number < want.(float64) || keyword == "maximum" && number > want.(float64)) {
				bad("%v is beyond its %s %v", v, keyword, want)
			}
		case "minLength", "maxLength", "minItems", "minProperties", "maxProperties":
			if size := sizeOf(v); strings.HasPrefix(keyword, "min") && size < int(want.(float64)) || strings.HasPrefix(keyword, "max") && size > int(want.(float64)) {
				bad("%v has the wrong size, %s %v", v, keyword, want)
			}
		case "anyOf":
			if !slices.ContainsFunc(want.([]any), func(one any) bool { return conforms(one.(map[string]any), v, at) == nil }) {
				bad("%v fits none of %v", v, want)
			}
		case "items":
			list, _ := v.([]any)
			for i, item := range list {
				problems = append(problems, conforms(want.(map[string]any), item, element(at, i))...)
			}
		case "required":
			for _, name := range want.([]any) {
				if object, ok := v.(map[string]any); ok && object[name.(string)] == nil {
					bad("%s is missing", name)
				}
			}
		case "properties", "additionalProperties":
			if keyword == "properties" || s["properties"] == nil {
				problems = append(problems, members(s, v, at)...)
			}
		default:
			bad("unknown keyword %s", keyword)
		}
	}
	return problems
}

func members(s map[string]any, v any, at string) (problems []string) {
	object, _ := v.(map[string]any)
	properties, _ := s["properties"].(map[string]any)
	for name, member := range object {
		sub, known := properties[name].(map[string]any)
		rest, free := s["additionalProperties"].(map[string]any)
		switch {
		case known:
			problems = append(problems, conforms(sub, member, child(at, name))...)
		case free:
			problems = append(problems, conforms(rest, member, child(at, name))...)
		case !strings.HasPrefix(name, "x-"):
			problems = append(problems, child(at, name)+": unknown key")
		}
	}
	return problems
}

func asList(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func hasType(v any, name string) bool {
	switch v := v.(type) {
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case float64:
		return name == "number" || name == "integer" && v == float64(int64(v))
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	default:
		return name == "null"
	}
}

func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return len([]rune(v))
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	}
	return 0
}

package admin

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pageSources are the dashboard's, by their path.
func pageSources(t *testing.T) map[string]string {
	t.Helper()
	sources := map[string]string{}
	err := fs.WalkDir(os.DirFS("ui/src"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".ts" && path.Ext(name) != ".tsx" {
			return err
		}
		data, err := os.ReadFile("ui/src/" + name)
		sources[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

type described31 struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Schemas map[string]struct {
			Properties map[string]json.RawMessage
			Required   []string
			Enum       []string
		}
	}
}

func description(t *testing.T) (doc described31) {
	t.Helper()
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

var (
	serviceCall = regexp.MustCompile("ofService\\([\\w.]+(?:, ?['`]([^'`]*)['`])?\\)")
	plainCall   = regexp.MustCompile("(?:call(?:<[^(]*>)?|address|useResource<[^(]*>)\\(['`]([^'`]+)['`]")
	callMethod  = regexp.MustCompile(`^[^\n]*?method: '([A-Z]+)'`)
	hole        = regexp.MustCompile(`\$\{[^}]*\}`)
	parameter   = regexp.MustCompile(`\{[^}]*\}`)
)

// callsOf are the calls of the API that a source makes: "GET /api/v1/services/{}/rollout".
func callsOf(source string) (calls []string) {
	source = strings.ReplaceAll(source, "export function ofService(", "")
	add := func(begin, end int, address string) {
		address, _, _ = strings.Cut(address, "${query(")
		address, _, _ = strings.Cut(address, "?")
		method := "GET"
		if m := callMethod.FindStringSubmatch(source[end:]); m != nil && !strings.Contains(m[0][:len(m[0])-len(m[1])], "ofService(") {
			method = m[1]
		}
		calls = append(calls, method+" "+hole.ReplaceAllString(address, "{}"))
	}
	for _, m := range serviceCall.FindAllStringSubmatchIndex(source, -1) {
		rest := ""
		if m[2] >= 0 {
			rest = source[m[2]:m[3]]
		}
		add(m[0], m[1], "/api/v1/services/{}"+rest)
	}
	for _, m := range plainCall.FindAllStringSubmatchIndex(source, -1) {
		add(m[0], m[1], "/"+source[m[2]:m[3]])
	}
	return calls
}

// What the page shows and does is the API's: it calls nothing that is not described.
func TestPageCallsWhatIsDescribed(t *testing.T) {
	known := map[string]bool{}
	for path, methods := range description(t).Paths {
		for method := range methods {
			known[strings.ToUpper(method)+" "+parameter.ReplaceAllString(path, "{}")] = true
		}
	}
	used := map[string]bool{}
	for name, source := range pageSources(t) {
		calls := callsOf(source)
		for _, c := range calls {
			if used[c] = true; !known[c] {
				t.Errorf("%s calls %s, which openapi.json does not describe", name, c)
			}
		}
		mentions := strings.Count(source, "ofService(") + strings.Count(source, "'api/v1") + strings.Count(source, "`api/v1")
		if name == "api/client.ts" {
			mentions -= 2 // ofService itself
		}
		for _, c := range calls {
			if strings.Contains(c, "/api/v1") {
				mentions--
			}
		}
		if mentions != 0 {
			t.Errorf("%s: %d calls are written in a form that this test does not read: use call or useResource with a literal path", name, mentions)
		}
	}
	for _, want := range []string{
		"GET /api/v1/services", "GET /api/v1/services/{}", "PUT /api/v1/services/{}/weights", "PUT /api/v1/services/{}/versions/{}/state",
		"GET /api/v1/services/{}/rollout", "POST /api/v1/services/{}/rollout", "GET /api/v1/services/{}/series", "GET /api/v1/services/{}/latency",
		"GET /api/v1/services/{}/decisions", "GET /api/v1/series", "GET /api/v1/events", "GET /session", "POST /session", "DELETE /session", "GET /openapi.json",
	} {
		if !used[want] {
			t.Errorf("the page does not call %s", want)
		}
	}
}

// schemaOf names the schema of those types of the page that are called otherwise.
var schemaOf = map[string]string{
	"Brief": "RolloutBrief", "Smoke": "SmokeTest", "Hook": "HookCall", "Arm": "ArmResult", "Happening": "Event",
	"Line": "SeriesLine", "PastRollout": "Record",
}

// guarded are those that the page reads only where the API always has them.
var guarded = map[string]string{"Rollout.started_at": "missing in phase none alone, which the page shows nothing of"}

var (
	pageType   = regexp.MustCompile(`(?m)^export interface (\w+) `)
	pageMember = regexp.MustCompile(`(\w+)(\??):`)
	pageWords  = regexp.MustCompile(`(?m)^export type (\w+) =((?:\s*\|?\s*'\w+')+)`)
	pageWord   = regexp.MustCompile(`'(\w+)'`)
)

// members are those of the interface whose name ends at begin, and whether they may be missing.
func members(source string, begin int) map[string]bool {
	var flat strings.Builder // what stands at the interface's own level
	depth := 0
	for _, r := range source[begin:] {
		switch r {
		case '{', '<', '(':
			depth++
		case '}', '>', ')':
			depth--
		default:
			if depth == 1 {
				flat.WriteRune(r)
			}
		}
		if depth == 0 && r == '}' {
			break
		}
	}
	found := map[string]bool{}
	for _, m := range pageMember.FindAllStringSubmatch(flat.String(), -1) {
		found[m[1]] = m[2] == "?"
	}
	return found
}

// What the page takes for granted in an answer is promised by its schema.
func TestPageTypesAreDescribed(t *testing.T) {
	schemas := description(t).Components.Schemas
	source := pageSources(t)["api/types.ts"]
	found := pageType.FindAllStringSubmatchIndex(source, -1)
	if len(found) < 20 {
		t.Fatalf("found %d types", len(found))
	}
	for _, m := range found {
		name := source[m[2]:m[3]]
		of := name
		if other, given := schemaOf[name]; given {
			of = other
		}
		schema, known := schemas[of]
		if !known {
			t.Errorf("%s: no schema %s", name, of)
			continue
		}
		all := members(source, m[1])
		if len(all) < 2 {
			t.Errorf("%s: read %v alone", name, all)
		}
		for field, optional := range all {
			if _, described := schema.Properties[field]; !described {
				t.Errorf("%s.%s is in no answer: %s has no such property", name, field, of)
			} else if !optional && guarded[name+"."+field] == "" && !slices.Contains(schema.Required, field) {
				t.Errorf("%s.%s may be missing, and the page takes it for granted", name, field)
			}
		}
	}
}

// The page knows every word that the API may say.
func TestPageWordsAreDescribed(t *testing.T) {
	var words = map[string][]string{}
	for _, m := range pageWords.FindAllStringSubmatch(pageSources(t)["api/types.ts"], -1) {
		for _, w := range pageWord.FindAllStringSubmatch(m[2], -1) {
			words[m[1]] = append(words[m[1]], w[1])
		}
		slices.Sort(words[m[1]])
	}
	schemas := description(t).Components.Schemas
	enumOf := func(schema, property string) []string {
		var p struct {
			Enum  []string
			Items struct{ Enum []string }
		}
		if err := json.Unmarshal(schemas[schema].Properties[property], &p); err != nil {
			t.Fatal(err)
		}
		all := slices.DeleteFunc(append(p.Enum, p.Items.Enum...), func(w string) bool { return w == "" })
		slices.Sort(all)
		return all
	}
	states := slices.Sorted(slices.Values(schemas["State"].Enum))
	for name, want := range map[string][]string{
		"State": states, "Phase": enumOf("RolloutBrief", "phase"), "Verb": enumOf("RolloutBrief", "can"), "Role": enumOf("Session", "role"),
	} {
		if len(want) == 0 || !slices.Equal(words[name], want) {
			t.Errorf("%s: the page knows %v, the API says %v", name, words[name], want)
		}
	}
}

func TestReadingTheSources(t *testing.T) {
	got := callsOf("call(ofService(a, `/weights${query(x)}`), { method: 'PUT', body })\ncall<T>(ofService(b.name))\n" +
		"useResource<A[] | { v: A[] }>(ofService(n, '/latency'), 1)\nfetch(address('api/v1/events?since=0'), {})\n" +
		"call<S>('session', { method: 'POST' })\ncall(ofService(s, `/versions/${encodeURIComponent(v)}/state`), { method: 'PUT' })")
	want := []string{"PUT /api/v1/services/{}/weights", "GET /api/v1/services/{}", "GET /api/v1/services/{}/latency",
		"PUT /api/v1/services/{}/versions/{}/state", "GET /api/v1/events", "POST /session"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	all := members("{ a: number; b?: string\n c: { d: string; e: number }[]; f: Record<string, unknown> }\nexport interface Y { z: 1 }", 0)
	if len(all) != 4 || all["a"] || !all["b"] || all["c"] || all["f"] {
		t.Errorf("got %v", all)
	}
}

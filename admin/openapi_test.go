package admin

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sluice/comparison"
	"sluice/history"
	"sluice/rollout"
	"sluice/series"
)

// The description and the routes say the same, both ways.
func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("openapi is %s, want 3.1", doc.OpenAPI)
	}
	var described, routed []string
	for path, methods := range doc.Paths {
		for method, raw := range methods {
			var op struct {
				Role string `json:"x-role"`
			}
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			described = append(described, strings.TrimSpace(strings.ToUpper(method)+" "+path+" "+op.Role))
		}
	}
	for _, rt := range new(Server).routes() {
		routed = append(routed, strings.TrimSpace(rt.method+" "+documented(rt.path)+" "+string(rt.role)))
	}
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Errorf("openapi.json:\n%s\nroutes:\n%s", strings.Join(described, "\n"), strings.Join(routed, "\n"))
	}
}

// Every $ref leads somewhere, and nothing stands there unused.
func TestOpenAPIReferences(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				used[ref] = true
			}
			for _, value := range v {
				walk(value)
			}
		case []any:
			for _, value := range v {
				walk(value)
			}
		}
	}
	walk(doc)
	for group, members := range doc["components"].(map[string]any) {
		for name := range members.(map[string]any) {
			ref := "#/components/" + group + "/" + name
			if !used[ref] && group != "securitySchemes" && name != "Event" {
				t.Errorf("%s is not used", ref)
			}
			delete(used, ref)
		}
	}
	for ref := range used {
		t.Errorf("%s leads nowhere", ref)
	}
}

// described are the types behind the schemas.
var described = map[string]any{
	"Service": serviceView{}, "RolloutBrief": briefView{}, "Version": versionView{}, "Evidence": evidenceView{}, "Promotion": promotionView{}, "Counts": countsView{}, "Endpoint": endpointView{},
	"Rollout": rolloutView{}, "Stage": rollout.StageStatus{}, "Check": rollout.Check{}, "SmokeTest": rollout.SmokeResult{},
	"HookCall": rollout.HookResult{}, "ArmResult": rollout.ArmResult{}, "Shadow": rollout.ShadowResult{},
	"History": historyView{}, "Record": history.Record{}, "PastStage": history.Stage{},
	"KPIs": kpisView{}, "Runs": history.Runs{}, "Figure": history.Figure{}, "Spread": history.Spread{},
	"Scaling": scalingView{}, "Assignment": assignmentView{}, "Faults": faultsView{}, "RunningFault": runningFault{},
	"Comparison": comparison.Report{}, "ComparedField": comparison.Field{}, "ComparedExample": comparison.Example{},
	"Series": series.View{}, "SeriesLine": series.Line{}, "FleetSeries": series.Fleet{}, "BriefSeries": series.Brief{}, "BriefLine": series.BriefLine{},
	"Session": sessionView{}, "Latency": latencyView{}, "Distribution": series.Distribution{}, "LatencyBucket": series.Bucket{},
	"Decision": rollout.Decision{}, "Event": rollout.Event{}, "Problem": problem{}, "Fault": fault{},
}

// What the schemas name is what the answers hold, both ways.
func TestOpenAPISchemasMatchTheAnswers(t *testing.T) {
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
			}
		}
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	for schema, of := range described {
		fields := slices.Sorted(maps.Keys(jsonFields(reflect.TypeOf(of))))
		if described := slices.Sorted(maps.Keys(doc.Components.Schemas[schema].Properties)); !slices.Equal(described, fields) {
			t.Errorf("%s: described %v, answered %v", schema, described, fields)
		}
	}
}

// jsonFields are the names that a struct has in JSON, and whether they are always there.
func jsonFields(of reflect.Type) map[string]bool {
	names := map[string]bool{}
	for f := range of.Fields() {
		if f.Anonymous {
			maps.Copy(names, jsonFields(f.Type))
		}
	}
	for f := range of.Fields() {
		if tag := f.Tag.Get("json"); tag != "" {
			name, options, _ := strings.Cut(tag, ",")
			names[name] = !strings.Contains(options, "omit")
		}
	}
	return names
}

// What is always there is required, and nothing else is.
func TestOpenAPIRequiresWhatIsAlwaysThere(t *testing.T) {
	var doc struct {
		Components struct {
			Schemas map[string]struct{ Required []string }
		}
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	for schema, of := range described {
		for name, always := range jsonFields(reflect.TypeOf(of)) {
			if required := slices.Contains(doc.Components.Schemas[schema].Required, name); required != always {
				t.Errorf("%s.%s: required %v, always there %v", schema, name, required, always)
			}
		}
	}
}

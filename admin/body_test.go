package admin

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestMembersOf(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty object", `{}`, ""},
		{"two members", ` {"a":1, "b":{"c":[2]}} `, ""},
		{"same name", `{"a":1,"a":2}`, "a stands twice"},
		{"same name escaped", `{"a":1,"\u0061":2}`, "a stands twice"},
		{"case counts", `{"a":1,"A":2}`, ""},
		{"array", `[1]`, "want a JSON object"},
		{"number", `1`, "want a JSON object"},
		{"nothing", ``, "ends too early"},
		{"cut", `{"a":`, "ends too early"},
		{"cut after a member", `{"a":1`, "ends too early"},
		{"trailing value", `{} {}`, "something follows"},
		{"trailing garbage", `{}x`, "something follows"},
		{"bad name", `{1:2}`, "invalid character"},
		{"trailing comma", `{"a":1,}`, "invalid character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := membersOf([]byte(tt.in))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// What passes here is JSON for encoding/json too, with as many names.
func FuzzMembersOf(f *testing.F) {
	for _, seed := range []string{`{"weights":{"v1":90}}`, `{"a":1}{`, `{"a" 1}`, "{\"a\":\n[{}]}", `{"a":1 "b":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		members, err := membersOf(data)
		if err != nil {
			return
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(data, &all); err != nil || len(all) != len(members) {
			t.Fatalf("%q: got %d members, encoding/json %d, %v", data, len(members), len(all), err)
		}
	})
}

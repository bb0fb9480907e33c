package e2e

import (
	"strings"
	"testing"
)

// badRollout is a file whose rollout ends with line 12, which a test replaces.
const badRollout = `services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: 100, endpoints: ["http://127.0.0.1:1"]}
      - {name: v2, weight: 0, endpoints: ["http://127.0.0.1:2"]}
    rollout:
      strategy: canary
      canary: v2
      stages: [{name: initial, weight: 5, duration: 10m}]
      on_failure: rollback
`

// Each fault of a rollout is refused at its own position, with what was got and what was wanted.
func TestBadRolloutsAreRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, old, line string
		want            []string // place, what was got
	}{
		{"stages that fall", `      stages: [{name: initial, weight: 5, duration: 10m}]`,
			`      stages: [{weight: 25, duration: 1m}, {weight: 5, duration: 1m}]`, []string{":11:53: ", "stages[1].weight: got 5, want at least the 25"}},
		{"weight over 100", `weight: 5, d`, `weight: 101, d`, []string{":11:40: ", `stages[0].weight: got "101"`}},
		{"weights that sum to more", `weight: 0,`, `weight: 10,`, []string{":6:7: ", "110"}},
		{"unknown version in a hook", `on_failure: rollback`, `hooks: [{name: a, on: before_stage, url: "http://a/", versions: [v3]}]`,
			[]string{":12:72: ", `hooks[0].versions[0]: got "v3", want one of the versions v1, v2`}},
		{"unknown stage in a hook", `on_failure: rollback`, `hooks: [{name: a, on: before_stage, url: "http://a/", stages: [initail]}]`,
			[]string{":12:70: ", `hooks[0].stages[0]: got "initail"`, "did you mean initial?"}},
		{"unknown point of a hook", `on_failure: rollback`, `hooks: [{name: a, on: before_lunch, url: "http://a/"}]`, []string{":12:29: ", `hooks[0].on: got "before_lunch"`}},
		{"smoke test without endpoint", `on_failure: rollback`, `smoke_tests: [{name: login, method: POST}]`, []string{":12:21: ", "smoke_tests[0].endpoint: missing"}},
		{"webhook with a bad URL", `on_failure: rollback`, `hooks: [{name: a, on: before_stage, url: "localhost:9800"}]`, []string{":12:48: ", `hooks[0].url: got "localhost:9800", want a URL`}},
		{"notification with a bad URL", `on_failure: rollback`, `notify: [{type: slack, url: "hooks.slack.com/T0/secret", on: [rollback]}]`, []string{":12:35: ", "notify[0].url"}},
		{"window that never opens", `on_failure: rollback`, `windows: [{days: [], from: "09:00", to: "17:00"}]`, []string{":12:24: ", "never opens"}},
		{"window on no day that there is", `on_failure: rollback`, `windows: [{days: [someday], from: "09:00", to: "17:00"}]`, []string{":12:25: ", `got "someday"`}},
		{"window at no time that there is", `on_failure: rollback`, `windows: [{from: "25:00", to: "26:00"}]`, []string{":12:24: ", ":12:37: "}},
		{"window in no zone that there is", `on_failure: rollback`, `windows: [{from: "09:00", to: "17:00", timezone: Europe/Atlantis}]`, []string{":12:56: ", "Europe/Atlantis"}},
		{"canary that is stable", `canary: v2`, `canary: v1`, []string{":10:15: ", "stable already"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(badRollout, tt.old, tt.line, 1)
			if text == badRollout {
				t.Fatalf("no %q in the file", tt.old)
			}
			out, code := sluice(t, "validate", "-c", file(t, text))
			if code != 1 {
				t.Errorf("exit code: got %d, want 1", code)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("output %q does not contain %q", out, want)
				}
			}
			if strings.Contains(out, "secret") {
				t.Errorf("output tells the secret of a URL: %s", out)
			}
		})
	}
	if out, code := sluice(t, "validate", "-c", file(t, badRollout)); code != 0 {
		t.Errorf("the file itself: exit %d: %s", code, out)
	}
}

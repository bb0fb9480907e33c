package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// The tables of a service's guard and rollout.

func defaultGuard() Guard {
	return Guard{Trip: Trip{Cooldown: 5 * time.Second}, Breach: defaultBreach(), Action: "quarantine", Mode: "evidence", Effect: 0.001}
}

func guardKind() kind[Guard] {
	return mapping(defaultGuard(),
		has("trip", "The fast, reversible cut, or off.", tripKind(), func(g *Guard) *Trip { return &g.Trip }),
		has("breach", "The verdict: any one of these condemns the version. Default: error_rate > 1.5x stable.", criteria(true), func(g *Guard) *Criteria { return &g.Breach }),
		has("action", "What the verdict does.", choice[string]("quarantine", "pause", "alert"), func(g *Guard) *string { return &g.Action }),
		has("mode", "evidence bounds the chance of a false cut; window compares figures of a window.", choice[string]("evidence", "window"), func(g *Guard) *string { return &g.Mode }),
		has("window", "Of mode window: the span that is looked at.", windowKind(), func(g *Guard) *time.Duration { return &g.Window }),
		has("min_requests", "Of mode window: requests that a window must hold to count.", countKind(), func(g *Guard) *int { return &g.MinRequests }),
		has("max_exposed_failures", "Failed answers seen by users beyond what stable would have given, per rollout; 0 is off.", integer(0, 1_000_000_000), func(g *Guard) *int { return &g.MaxExposedFailures }),
		has("min_effect", "Smallest difference of error rates that matters.", share(), func(g *Guard) *float64 { return &g.Effect }),
		has("strict", "Take the ratio to stable as the bound itself, not as the point of indifference.", boolean(), func(g *Guard) *bool { return &g.Strict }),
		has("metrics", "Figures from outside, such as Prometheus, and the conditions on them.", list(metricKind(), 0), func(g *Guard) *[]Metric { return &g.Metrics }),
	)
}

// windowKind and countKind are shown only where they are set, as they belong to mode window.
func windowKind() kind[time.Duration] {
	k := duration(time.Second)
	show := k.show
	k.show = func(v time.Duration) any {
		if v == 0 {
			return nil
		}
		return show(v)
	}
	return k
}

func countKind() kind[int] {
	k := integer(1, 1_000_000_000)
	k.show = func(v int) any {
		if v == 0 {
			return nil
		}
		return v
	}
	return k
}

func tripKind() kind[Trip] {
	table := mapping(Trip{Cooldown: 5 * time.Second},
		has("cooldown", "How long the first cut lasts; it doubles up to 5m.", duration(100*time.Millisecond), func(t *Trip) *time.Duration { return &t.Cooldown }),
	)
	return kind[Trip]{
		read: func(d *decoder, n *node, path string, dst *Trip) {
			if n.kind != mapNode {
				text, known, ok := d.text(n, path, "off or a mapping with cooldown")
				if ok && known && text != "off" && text != "false" {
					d.bad(n, path, text, "off or a mapping with cooldown", nil)
				}
				dst.Off = true
				return
			}
			table.read(d, n, path, dst)
			if dst.Cooldown > 5*time.Minute {
				d.fault(child(path, "cooldown"), "got %s, want at most 5m", formatDuration(dst.Cooldown))
			}
		},
		show: func(t Trip) any {
			if t.Off {
				return "off"
			}
			return table.show(t)
		},
		schema: schema{"anyOf": []any{schema{"enum": []any{"off", false}}, table.schema}},
	}
}

func rolloutKind() kind[Rollout] {
	base := Rollout{MaxWait: 2 * time.Hour, OnFailure: "rollback", Standby: 10 * time.Minute, Analysis: "evidence"}
	return mapping(base,
		needs("strategy", "How traffic moves to the new version.", choice[string]("canary", "blue_green", "ab_test", "shadow", "rolling"), func(r *Rollout) *string { return &r.Strategy }),
		needs("canary", "The new version.", name(), func(r *Rollout) *string { return &r.Canary }),
		stagesKey(),
		has("success", "Each must hold, by evidence, for a stage to pass.", criteria(false), func(r *Rollout) *Criteria { return &r.Success }),
		has("max_wait", "For a stage without enough evidence, or held by trips; then on_failure.", duration(time.Second), func(r *Rollout) *time.Duration { return &r.MaxWait }),
		has("on_failure", "What a failed stage leads to.", choice[string]("rollback", "pause"), func(r *Rollout) *string { return &r.OnFailure }),
		has("standby", "How long the old version is kept warm after a promotion.", duration(0), func(r *Rollout) *time.Duration { return &r.Standby }),
		has("auto_start", "Start when the canary's endpoints or labels change in the file.", boolean(), func(r *Rollout) *bool { return &r.AutoStart }),
		has("analysis", "none promotes by time alone.", choice[string]("evidence", "none"), func(r *Rollout) *string { return &r.Analysis }),
		has("smoke_tests", "Requests run against the canary's endpoints, in order.", atRun(list(smokeTestKind(), 0)), func(r *Rollout) *[]SmokeTest { return &r.SmokeTests }),
		has("hooks", "Webhooks at points of a rollout.", list(hookKind(), 0), func(r *Rollout) *[]Hook { return &r.Hooks }),
		has("notify", "Messages sent on events.", unseen(list(notifyKind(), 0), "a list"), func(r *Rollout) *[]Notify { return &r.Notify }),
	)
}

// linear is what `stages: {linear: 10, every: 1m}` holds.
type linear struct {
	step  float64
	every time.Duration
}

// stagesKey reads a list of stages, a preset's name, or a linear climb. The
// two short forms are also written out as Stages.
func stagesKey() key[Rollout] {
	const want = "a list of stages, progressive, {linear: 10, every: 1m} or a name such as Canary10Percent5Minutes"
	stages := list(stageKind(), 1)
	climb := mapping(linear{},
		needs("linear", "Percent added by each stage.", percent(), func(l *linear) *float64 { return &l.step }),
		needs("every", "How long each stage lasts.", duration(time.Second), func(l *linear) *time.Duration { return &l.every }),
	)
	return key[Rollout]{
		name: "stages", doc: "Steps of the rollout: " + want + ".",
		schema: schema{"anyOf": []any{stages.schema, climb.schema, schema{"type": "string", "pattern": `^progressive$|` + presetPattern + `|` + reference}}},
		read: func(d *decoder, n *node, path string, dst *Rollout) {
			switch n.kind {
			case listNode:
				stages.read(d, n, path, &dst.Stages)
			case mapNode:
				var l linear
				climb.read(d, n, path, &l)
				dst.climb(d, n, path, l)
			default:
				dst.preset(d, n, path, want)
			}
		},
		show: func(r *Rollout) any {
			switch {
			case r.Preset != "":
				return r.Preset
			case r.Linear != 0:
				return climb.show(linear{r.Linear, r.Every})
			}
			return stages.show(r.Stages)
		},
	}
}

func (r *Rollout) climb(d *decoder, n *node, path string, l linear) {
	r.Linear, r.Every = l.step, l.every
	if l.step < 1 && n.field("linear") != nil && !d.opaque(child(path, "linear")) {
		d.fault(child(path, "linear"), "want a step of at least 1 percent")
		return
	}
	r.Stages = climbing(l.step, l.every)
}

func (r *Rollout) preset(d *decoder, n *node, path, want string) {
	text, known, ok := d.text(n, path, want)
	if !ok || !known {
		return
	}
	made, err := preset(text)
	if err != nil {
		d.bad(n, path, text, want, err)
		return
	}
	r.Preset, r.Stages = text, made
}

func climbing(step float64, every time.Duration) []Stage {
	var made []Stage
	stepBP := int(step*100 + 0.5)
	for bp := stepBP; stepBP > 0; bp += stepBP {
		bp = min(bp, 10_000)
		made = append(made, Stage{Name: fmt.Sprintf("stage-%d", len(made)+1), WeightBP: bp, Duration: every})
		if bp == 10_000 {
			break
		}
	}
	return made
}

// presetPattern holds the names of AWS CodeDeploy and SAM.
const presetPattern = `^(?:CodeDeployDefault\.)?(?:Lambda|ECS)?(?:(Canary)(\d+)Percent(\d+)Minutes?|(Linear)(\d+)PercentEvery(\d+)Minutes?|(AllAtOnce))$`

func preset(text string) ([]Stage, error) {
	if text == "progressive" {
		made := make([]Stage, 0, 5)
		for i, percent := range []int{5, 25, 50, 75, 100} {
			made = append(made, Stage{Name: fmt.Sprintf("stage-%d", i+1), WeightBP: percent * 100, Duration: 10 * time.Minute})
		}
		return made, nil
	}
	parts := regexp.MustCompile(presetPattern).FindStringSubmatch(text)
	switch {
	case parts == nil:
		return nil, errShape
	case parts[7] != "":
		return []Stage{{Name: "stage-1", WeightBP: 10_000}}, nil
	}
	percentText, minutesText := parts[2]+parts[5], parts[3]+parts[6]
	percent, err1 := strconv.Atoi(percentText)
	minutes, err2 := strconv.Atoi(minutesText)
	if err1 != nil || err2 != nil || percent < 1 || percent > 99 || minutes < 1 || minutes > 100_000 {
		return nil, errors.New("the percentage must be from 1 to 99, the time at least a minute")
	}
	every := time.Duration(minutes) * time.Minute
	if parts[1] != "" {
		return []Stage{{Name: "stage-1", WeightBP: percent * 100, Duration: every}, {Name: "stage-2", WeightBP: 10_000}}, nil
	}
	return climbing(float64(percent), every), nil
}

func stageKind() kind[Stage] {
	return mapping(Stage{},
		has("name", "The stage's name, unique; default stage-1 and so on.", name(), func(s *Stage) *string { return &s.Name }),
		needs("weight", "The canary's share in percent.", weight(), func(s *Stage) *int { return &s.WeightBP }),
		has("duration", "How long the stage lasts at least.", duration(0), func(s *Stage) *time.Duration { return &s.Duration }),
		has("min_requests", "Requests of the canary that the stage needs at least.", countKind(), func(s *Stage) *int { return &s.MinRequests }),
		has("approval", "Needed to enter the stage: manual, or {timeout, then}.", optional(approvalKind()), func(s *Stage) **Approval { return &s.Approval }),
	)
}

func approvalKind() kind[Approval] {
	const want = "manual or a mapping with timeout, then"
	table := mapping(Approval{},
		needs("timeout", "How long to wait.", duration(time.Second), func(a *Approval) *time.Duration { return &a.Timeout }),
		needs("then", "What happens then.", choice[string]("promote", "rollback"), func(a *Approval) *string { return &a.Then }),
	)
	return kind[Approval]{
		read: func(d *decoder, n *node, path string, dst *Approval) {
			if n.kind == mapNode {
				table.read(d, n, path, dst)
				return
			}
			if text, known, ok := d.text(n, path, want); ok && known && text != "manual" {
				d.bad(n, path, text, want, nil)
			}
		},
		show: func(a Approval) any {
			if a == (Approval{}) {
				return "manual"
			}
			return table.show(a)
		},
		schema: schema{"anyOf": []any{schema{"enum": []any{"manual"}}, table.schema}},
	}
}

func smokeTestKind() kind[SmokeTest] {
	base := SmokeTest{Method: "GET", ExpectedStatus: 200, Timeout: 5 * time.Second}
	return mapping(base,
		needs("name", "The test's name, unique.", name(), func(s *SmokeTest) *string { return &s.Name }),
		needs("endpoint", "Path to ask for; ${name} is a value captured before.", requestTarget(), func(s *SmokeTest) *string { return &s.Endpoint }),
		has("method", "Request method.", method(), func(s *SmokeTest) *string { return &s.Method }),
		has("payload", "JSON body; ${name} is a value captured before.", anything(), func(s *SmokeTest) *any { return &s.Payload }),
		has("headers", "Request headers; ${name} is a value captured before.", headerValues(headerName), func(s *SmokeTest) *map[string]string { return &s.Headers }),
		has("expected_status", "Status that the answer must have.", integer(100, 599), func(s *SmokeTest) *int { return &s.ExpectedStatus }),
		has("expected_response", "What the answer must hold: JSON, or a text.", anything(), func(s *SmokeTest) *any { return &s.ExpectedResponse }),
		has("capture", "Values of the answer for later tests: name: $.path.", dict(capturePath(), captureName), func(s *SmokeTest) *map[string]string { return &s.Capture }),
		has("timeout", "For one test.", duration(time.Millisecond), func(s *SmokeTest) *time.Duration { return &s.Timeout }),
	)
}

func captureName(s string) (string, error) {
	if !variableName(s) {
		return "", fmt.Errorf("got %s, want a name of letters, digits and '_'", quote(s))
	}
	return s, nil
}

func capturePath() kind[string] {
	re := regexp.MustCompile(`^\$(\.[A-Za-z0-9_-]+|\[\d{1,6}\])*$`)
	return text("a path into the answer such as $.token or $.items[0].id", re.String(), matching(re))
}

func hookPoints() []string {
	return []string{"before_rollout", "before_test_traffic", "after_test_traffic", "before_stage", "during_stage", "confirm_stage",
		"after_stage", "confirm_promotion", "rollback", "after_rollout", "event"}
}

func hookKind() kind[Hook] {
	base := Hook{Format: "json", Timeout: 10 * time.Second}
	return mapping(base,
		needs("name", "The hook's name, unique.", name(), func(h *Hook) *string { return &h.Name }),
		needs("on", "When it is called.", choice[string](hookPoints()...), func(h *Hook) *string { return &h.On }),
		needs("url", "Where the POST goes.", hookURL(), func(h *Hook) *string { return &h.URL }),
		has("format", "Form of the message.", choice[string]("json", "cloudevents"), func(h *Hook) *string { return &h.Format }),
		has("body", "JSON body instead of ours; ${name} is filled in at run time.", atRun(anything()), func(h *Hook) *any { return &h.Body }),
		has("timeout", "For one call.", duration(time.Millisecond), func(h *Hook) *time.Duration { return &h.Timeout }),
		has("retries", "Calls after a first that failed.", integer(0, 20), func(h *Hook) *int { return &h.Retries }),
		has("secret", "Key of the HMAC-SHA256 signature.", secret(nil), func(h *Hook) *Secret { return &h.Secret }),
	)
}

func hookURL() kind[string] {
	k := text("a URL", "", webhookURL)
	k.show = func(v string) any { return hideUserinfo(v) }
	return k
}

func notifyEvents() []string {
	return []string{"started", "stage", "approval", "paused", "resumed", "promoted", "rollback", "aborted", "trip", "restore", "verdict", "alert"}
}

func notifyKind() kind[Notify] {
	on := list(choice[string](notifyEvents()...), 1)
	return unseen(mapping(Notify{On: []string{"promoted", "rollback", "alert"}},
		needs("type", "Form of the message.", choice[string]("slack", "teams", "discord", "webhook", "cloudevents"), func(n *Notify) *string { return &n.Type }),
		needs("url", "Where the POST goes; kept secret.", secret(webhookURL), func(n *Notify) *Secret { return &n.URL }),
		has("on", "Events that are told. Default promoted, rollback and alert.", on, func(n *Notify) *[]string { return &n.On }),
	), "a mapping with type, url, on")
}

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// hookPoints are the points of a rollout at which hooks may stand, in the order of a rollout.
func hookPoints() []string {
	return []string{"confirm_rollout", "before_rollout", "before_test_traffic", "after_test_traffic", "before_stage", "during_stage", "confirm_stage",
		"after_stage", "confirm_promotion", "rollback", "rollback_failed", "after_rollout", "event"}
}

// stagePoint reports whether point comes once for each stage.
func stagePoint(point string) bool {
	return slices.Contains([]string{"before_stage", "during_stage", "confirm_stage", "after_stage"}, point)
}

func hookKind() kind[Hook] {
	base := Hook{Format: "json", Timeout: 10 * time.Second, Interval: 10 * time.Second}
	return mapping(base,
		needs("name", "The hook's name, unique.", name(), func(h *Hook) *string { return &h.Name }),
		needs("on", "When it is called.", hookPoint(), func(h *Hook) *string { return &h.On }),
		has("stages", "Of points of a stage: only at these stages. Default: at all.", list(name(), 1), func(h *Hook) *[]string { return &h.Stages }),
		has("versions", "Only in rollouts of these versions, as blue and green take turns. Default: in all.", list(name(), 1), func(h *Hook) *[]string { return &h.Versions }),
		needs("url", "Where the POST goes.", hookURL(), func(h *Hook) *string { return &h.URL }),
		has("format", "Form of the message.", choice[string]("json", "cloudevents", "flagger"), func(h *Hook) *string { return &h.Format }),
		has("metadata", "Of format flagger: its metadata.", metadataKind(), func(h *Hook) *map[string]string { return &h.Metadata }),
		has("body", "JSON body instead of ours; ${name} is filled in at run time.", atRun(anything()), func(h *Hook) *any { return &h.Body }),
		has("timeout", "For one call.", duration(time.Millisecond), func(h *Hook) *time.Duration { return &h.Timeout }),
		has("retries", "Calls after a first that failed.", integer(0, 20), func(h *Hook) *int { return &h.Retries }),
		has("interval", "Between two calls of a hook that is asked again: during_stage, confirm_…, flagger's rollback.", duration(100*time.Millisecond), func(h *Hook) *time.Duration { return &h.Interval }),
		has("secret", "Key of the HMAC-SHA256 signature.", secret(nil), func(h *Hook) *Secret { return &h.Secret }),
	)
}

// hookPoint also knows what other systems call the points.
func hookPoint() kind[string] {
	k := choice[string](hookPoints()...)
	read := k.read
	k.read = func(d *decoder, n *node, path string, dst *string) {
		if ours := foreignPoint(n.text); n.kind == scalarNode && ours != "" {
			d.faultAt(n.line, n.col, path, fmt.Sprintf("got %s, which is %s here", quote(n.text), ours))
			return
		}
		read(d, n, path, dst)
	}
	return k
}

func hookURL() kind[string] {
	k := text("a URL", "", webhookURL)
	k.show = func(v string) any { return hideUserinfo(v) }
	return k
}

// metadataKind is text for Flagger's webhooks. The values of names that speak of secrets are not shown.
func metadataKind() kind[map[string]string] {
	return masking(dict(value(), func(s string) (string, error) {
		switch {
		case s == "" || strings.ContainsFunc(s, isControl):
			return "", errors.New("a name must hold something, and no control characters")
		case slices.Contains([]string{"eventMessage", "eventType", "timestamp"}, s):
			return "", fmt.Errorf("%s is filled in by event hooks themselves", s)
		}
		return s, nil
	}))
}

// hookVariables are the names that a hook's body may hold as ${name}; package webhook fills them in.
func hookVariables() []string {
	return []string{"service", "version", "stable", "strategy", "phase", "point", "stage", "weight", "id", "key", "hook", "reason", "time", "config_version",
		"labels", "evidence", "event_type", "event_message", "event_version", "event_by", "event_time"}
}

const evidenceVariable = "evidence_" // and the name of a figure: its value

// hookVariable reports whether ${name} is known in a hook's body, besides labels. What evidence
// there will be is not known before.
func hookVariable(name string) bool {
	figure, ok := strings.CutPrefix(name, evidenceVariable)
	return ok && figure != "" || slices.Contains(hookVariables(), name)
}

package config

import (
	"slices"
	"time"
)

// The table of a service's rollout; its larger parts have files of their own.

const (
	shadowDuration = 10 * time.Minute // what complete gives to shadow, and below to rolling
	shadowRequests = 100
	rollingPause   = 30 * time.Second
	maxDifference  = 0.01
)

func rolloutKind() kind[Rollout] {
	base := Rollout{MaxWait: 2 * time.Hour, MaxTripped: 5 * time.Minute, OnFailure: "rollback", Standby: 10 * time.Minute, Analysis: "evidence",
		MaxDifference: maxDifference, Preflight: "enforce"}
	return mapping(base,
		needs("strategy", "How traffic moves to the new version.", choice[string](strategies()...), func(r *Rollout) *string { return &r.Strategy }),
		needs("canary", "The new version.", name(), func(r *Rollout) *string { return &r.Canary }),
		stagesKey(),
		of(has("duration", "How long blue_green previews (default 0s), shadow mirrors (default 10m), and rolling stays at each endpoint (default 30s), at least.",
			duration(0), func(r *Rollout) *time.Duration { return &r.Duration }), stageless()...),
		of(has("min_requests", "Requests that the preview, the mirror (default 100) or each step of rolling needs at least.",
			countKind(), func(r *Rollout) *int { return &r.MinRequests }), stageless()...),
		of(has("max_unavailable", "Of rolling: endpoints of the canary that may be missing at the end.",
			integer(0, 10_000), func(r *Rollout) *int { return &r.MaxUnavailable }), "rolling"),
		of(has("max_difference", "Of shadow: share of compared answers that may differ beyond the noise; default 1%.",
			share(), func(r *Rollout) *float64 { return &r.MaxDifference }), "shadow"),
		has("preview", "Requests that see the canary while users do not; a listener's preview does the same.", optional(previewKind()), func(r *Rollout) **Preview { return &r.Preview }),
		has("success", "Each must hold, by evidence, for a stage to pass.", criteria(false), func(r *Rollout) *Criteria { return &r.Success }),
		has("approval", "Needed to promote: manual, or {timeout, then}; of ab_test manual by default.", optional(approvalKind()), func(r *Rollout) **Approval { return &r.Approval }),
		has("windows", "Times of the week in which a rollout may start, rise and promote; coming down is always allowed. Default: always.",
			list(weekWindowKind(), 1), func(r *Rollout) *[]Window { return &r.Windows }),
		has("max_wait", "For a stage without enough evidence, or held by trips; then on_failure.", duration(time.Second), func(r *Rollout) *time.Duration { return &r.MaxWait }),
		has("max_tripped", "For a canary that is tripped and does not come back by its probes; then on_failure. At least two cooldowns of guard.trip.",
			duration(time.Second), func(r *Rollout) *time.Duration { return &r.MaxTripped }),
		has("on_failure", "What a failed stage leads to.", choice[string]("rollback", "pause"), func(r *Rollout) *string { return &r.OnFailure }),
		has("standby", "How long the old version is kept warm after a promotion.", duration(0), func(r *Rollout) *time.Duration { return &r.Standby }),
		has("auto_start", "Start when the canary's endpoints or labels change in the file.", boolean(), func(r *Rollout) *bool { return &r.AutoStart }),
		has("analysis", "none promotes by time alone.", choice[string]("evidence", "none"), func(r *Rollout) *string { return &r.Analysis }),
		has("preflight", "What a critical finding of the checks before the first stage does: enforce stops the rollout, warn tells of it.",
			choice[string]("enforce", "warn", "off"), func(r *Rollout) *string { return &r.Preflight }),
		has("smoke_tests", "Requests run against the canary's endpoints, in order.", atRun(list(smokeTestKind(), 0)), func(r *Rollout) *[]SmokeTest { return &r.SmokeTests }),
		has("hooks", "Webhooks at points of a rollout.", list(hookKind(), 0), func(r *Rollout) *[]Hook { return &r.Hooks }),
		has("notify", "Messages sent on events.", unseen(list(notifyKind(), 0), "a list"), func(r *Rollout) *[]Notify { return &r.Notify }),
	)
}

func strategies() []string { return []string{"canary", "blue_green", "ab_test", "shadow", "rolling"} }

// stageless are the strategies that have no stages.
func stageless() []string { return []string{"blue_green", "shadow", "rolling"} }

// of is a key that is shown only under these strategies, as validate refuses it under others.
func of(k key[Rollout], strategies ...string) key[Rollout] {
	show := k.show
	k.show = func(r *Rollout) any {
		if !slices.Contains(strategies, r.Strategy) {
			return nil
		}
		return show(r)
	}
	return k
}

func previewKind() kind[Preview] {
	keys := requestConditions(
		func(p *Preview) *map[string]Match { return &p.Headers },
		func(p *Preview) *map[string]Match { return &p.Cookies },
		func(p *Preview) *map[string]Match { return &p.Query })
	return conditional(mapping(Preview{}, keys...), "the preview would take every request", func(p *Preview) int {
		return len(p.Headers) + len(p.Cookies) + len(p.Query)
	})
}

// conditional is k, a mapping of conditions of which at least one must be there; consequence
// says what would be without.
func conditional[T any](k kind[T], consequence string, count func(*T) int) kind[T] {
	k.schema["minProperties"] = 1
	read := k.read
	k.read = func(d *decoder, n *node, path string, dst *T) {
		read(d, n, path, dst)
		for _, e := range n.entries {
			if d.faulty(child(path, e.key)) {
				return
			}
		}
		if n.kind == mapNode && count(dst) == 0 {
			d.faultAt(n.line, n.col, path, "there is no condition, "+consequence)
		}
	}
	return k
}

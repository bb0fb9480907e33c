package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"time"

	"sluice/config"
)

// fingerprint tells deployments of a version apart: its endpoints in their order, and its labels.
// It is kept in the state file, so it must not change between releases.
func fingerprint(v *config.Version) string {
	var b strings.Builder
	for _, e := range v.Endpoints {
		fmt.Fprintf(&b, "endpoint=%q\n", e.URL)
	}
	for _, name := range names(v.Labels) {
		fmt.Fprintf(&b, "label %q=%q\n", name, v.Labels[name])
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}

// autoStart starts a rollout where the file asks for it (auto_start) and the candidate is
// another deployment than the one that was last rolled out: also if it changed while no
// process ran, and if it never was rolled out. The candidate is the file's canary, or, once
// that is stable, the declared stable: so two versions take turns. Where the state was lost nothing is
// known of what was rolled out, so what is there counts as known: nothing starts by a guess.
func (c *Controller) autoStart(s *service) {
	if s.rolled == nil {
		s.rolled = map[string]string{}
	}
	maps.DeleteFunc(s.rolled, func(name, _ string) bool { return versionOf(s.cfg, name) == nil })
	for i := range s.cfg.Versions {
		v := &s.cfg.Versions[i]
		m := s.guard.member(v.Name)
		condemned := m != nil && m.state == config.Quarantined
		if _, known := s.rolled[v.Name]; v.Name == s.live.Stable || !known && (c.lost || condemned) {
			s.rolled[v.Name] = fingerprint(v) // what serves needs no rollout, what was condemned gets none by itself
		}
	}
	r := s.cfg.Rollout
	if r == nil || !r.AutoStart {
		return
	}
	canary := r.Canary
	if canary == s.live.Stable {
		canary = s.cfg.Stable
	}
	v := versionOf(s.cfg, canary)
	if v == nil || canary == s.live.Stable || s.rolled[canary] == fingerprint(v) {
		return
	}
	plan, err := compile(s.cfg, canary, s.live.Stable)
	if err != nil {
		c.journal.Add(Event{Time: time.Now(), Type: "alert", Service: s.name, Version: canary, By: "file",
			Message: "the rollout of " + canary + " does not start by itself: " + err.Error()})
		return
	}
	c.beginRollout(s, plan, Command{Service: s.name, By: "file", Reason: "auto_start: " + canary + " has changed"})
}

package main

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/advice"
)

// site is what the configuration is about.
type site struct {
	service, health string
	stable, canary  []string
}

// page collects the lines of a configuration.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// configuration is the commented file for what was recommended, or chosen instead.
func (s *site) configuration(r recommendation, n advice.Needs) string {
	var p page
	s.head(&p, r)
	s.versions(&p, r.Strategy)
	if n.State == advice.Sessions || r.Strategy == "ab_test" || r.Strategy == "canary" {
		p.line("    sticky: {cookie: %q}   # a user stays on a version", "sluice_"+s.service)
	}
	s.checks(&p)
	p.line("    guard:                       # always armed; any one of these takes the new version out")
	p.line("      breach:")
	p.line("        error_rate: \"> 1.5x stable\"")
	p.line("        p99_latency: \"> 2x stable\"")
	if r.Strategy == "shadow" {
		p.line("    mirror: {to: v2, percent: 10}   # copies of GET and HEAD; nobody gets v2's answers")
	}
	p.line("    rollout:")
	p.line("      strategy: %s", r.Strategy)
	p.line("      canary: v2")
	s.course(&p, r.Strategy, n)
	s.gates(&p, r.Strategy, n)
	p.line("      # smoke_tests:             # run at v2's endpoints before it gets any user")
	p.line("      #   - {name: health, endpoint: /health, expected_status: 200}")
	p.line("      # notify:")
	p.line("      #   - {type: slack, url: \"${SLACK_URL}\", on: [rollback, promoted, alert]}")
	return p.String()
}

func (s *site) head(p *page, r recommendation) {
	p.line("# Written by sluice init: %s.", titleOf(r.Strategies, r.Strategy))
	for _, score := range r.Strategies {
		for _, reason := range score.Reasons {
			if score.Name == r.Strategy {
				p.line("#   %+d  %s", reason.Points, reason.Text)
			}
		}
	}
	var flags []string
	for _, q := range initQuestions() {
		if !slices.Contains(r.Defaults, q.flag) {
			flags = append(flags, fmt.Sprintf("--%s=%q", q.flag, r.Answers[q.flag]))
		}
	}
	if len(flags) > 0 {
		p.line("# From these answers: %s", strings.Join(flags, " "))
	}
	p.line("# `sluice validate` checks it, `sluice plan %s` says what each stage can see in your traffic.", s.service)
	p.line("listeners:")
	p.line("  - address: \":8080\"")
	if r.Strategy == "blue_green" {
		p.line("  - {address: \"127.0.0.1:8081\", preview: %q}   # what comes in here sees the new version", s.service)
	}
	p.line("")
	p.line("services:")
	p.line("  - name: %q", s.service)
	p.line("    routes: [{path: /}]")
	p.line("    stable: v1")
}

func (s *site) versions(p *page, strategy string) {
	shield := ""
	if strategy == "canary" || strategy == "rolling" {
		shield = ", shield: true"
	}
	p.line("    versions:")
	p.line("      - {name: v1, weight: 100, endpoints: [%s]}", quoted(s.stable))
	p.line("      - {name: v2, weight: 0, endpoints: [%s]%s}", quoted(s.canary), shield)
}

func quoted(all []string) string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}

func (s *site) checks(p *page) {
	if s.health == "" {
		p.line("    # health: {checks: [{path: /health}]}   # an endpoint that fails it takes no requests")
		return
	}
	p.line("    health: {checks: [{path: %q}]}   # an endpoint that fails it takes no requests", s.health)
}

// course is how the strategy goes, by what it may cost and how much there is to see.
func (s *site) course(p *page, strategy string, n advice.Needs) {
	switch strategy {
	case "canary":
		p.line("      stages:                    # each passes on time and on evidence")
		for _, st := range stagesFor(n) {
			p.line("        - {weight: %s, duration: %s}", st[0], st[1])
		}
	case "ab_test":
		p.line("      stages:")
		p.line("        - {weight: 5, duration: 30m}   # first see that it is not broken")
		p.line("        - {weight: 50}                 # then until somebody decides")
	case "shadow":
		p.line("      duration: 1h               # compare for so long, and so many answers, at least")
		p.line("      min_requests: 1000")
		p.line("      max_difference: 1%%         # beyond what the present version differs from itself")
	case "rolling":
		p.line("      duration: 30s              # at each endpoint, at least")
	case "blue_green":
		p.line("      preview: {headers: {X-Preview: \"green\"}}   # testers see the new version before the switch")
	}
	if strategy == "canary" || strategy == "rolling" {
		p.line("      success: {error_rate: \"< 1%%\"}")
	}
}

// stagesFor are weights and durations of a canary.
func stagesFor(n advice.Needs) [][2]string {
	switch {
	case n.PerSecond < 1: // a small share of it would show nothing
		return [][2]string{{"25", "1h"}, {"50", "1h"}, {"100", "1h"}}
	case n.Risk == advice.High:
		return [][2]string{{"1", "10m"}, {"5", "30m"}, {"25", "30m"}, {"50", "1h"}, {"100", "1h"}}
	case n.Risk == advice.Low:
		return [][2]string{{"25", "5m"}, {"100", "5m"}}
	}
	return [][2]string{{"5", "10m"}, {"25", "10m"}, {"50", "10m"}, {"75", "10m"}, {"100", "10m"}}
}

func (s *site) gates(p *page, strategy string, n advice.Needs) {
	if strategy == "shadow" {
		return // nothing is promoted
	}
	if n.Compliance && strategy != "ab_test" {
		p.line("      approval: manual           # `sluice rollout promote %s`, on record with who and when", s.service)
	}
	standby := "10m"
	if n.InstantRollback {
		standby = "1h"
	}
	p.line("      standby: %s               # the old version stays warm: `sluice rollout undo %s` is instant", standby, s.service)
}

func titleOf(scores []advice.Score, name string) string {
	for _, s := range scores {
		if s.Name == name {
			return s.Title
		}
	}
	return name
}

// text is the recommendation for people.
func (r *recommendation) text(service string) string {
	var p page
	if len(r.Defaults) > 0 {
		p.line("Not asked, so by default:%s.", defaultsText(r))
		p.line("")
	}
	choice(&p, "Strategy", r.Strategies, r.Strategy, "of equal scores: canary, then blue_green, rolling, shadow, ab_test")
	choice(&p, "Place to host", r.Places, r.Place, "of equal scores the simpler place comes first")
	if r.File != "-" {
		p.line("%s: written, and valid. Next:", r.File)
		p.line("  sluice plan %s -c %s --rps %s", service, r.File, r.Answers["traffic"])
		p.line("  sluice run -c %s", r.File)
		p.line("  sluice rollout start %s", service)
	}
	for _, name := range r.Written {
		p.line("%s: written", name)
	}
	if len(r.Written) == 0 {
		p.line("To deploy, start from deploy/%s (sluice init --deploy DIR writes it out).", strings.Join(r.StartFrom, ", deploy/"))
	}
	return p.String()
}

func defaultsText(r *recommendation) string {
	var b strings.Builder
	for _, flag := range r.Defaults {
		fmt.Fprintf(&b, " %s %s,", flag, r.Answers[flag])
	}
	return strings.TrimSuffix(b.String(), ",")
}

// choice prints what was chosen with its reasons, how the others did, and, where it matters, which of
// equal ones comes first.
func choice(p *page, what string, scores []advice.Score, chosen, order string) {
	var others []string
	for _, s := range scores {
		if s.Name != chosen {
			if s.Excluded == "" {
				others = append(others, fmt.Sprintf("%s %d", s.Name, s.Points))
			}
			continue
		}
		p.line("%s: %s (%s), %d points", what, s.Title, s.Name, s.Points)
		if chosen != scores[0].Name {
			p.line("  chosen by you; recommended: %s", scores[0].Name)
		}
		for _, reason := range s.Reasons {
			p.line("  %+d  %s", reason.Points, reason.Text)
		}
	}
	p.line("  others: %s", strings.Join(others, ", "))
	if chosen == scores[0].Name && scores[1].Points == scores[0].Points {
		p.line("  %s", order)
	}
	for _, s := range scores {
		if s.Excluded != "" {
			p.line("  %s is not offered: %s", s.Name, s.Excluded)
		}
	}
	p.line("")
}

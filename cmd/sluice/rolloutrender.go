package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/rollout"
)

// standing says in one line where a rollout is.
func standing(a *rolloutAnswer) string {
	if a == nil {
		return "nothing is known of it"
	}
	if a.none() {
		return a.Service + ": no rollout yet"
	}
	text := fmt.Sprintf("%s %s→%s %s", a.Service, a.From, a.Canary, a.Phase)
	if st := a.stage(); st != nil && !a.Phase.Ended() {
		text += fmt.Sprintf(", stage %d/%d %s", a.Stage+1, len(a.Stages), st.Name)
	}
	text += fmt.Sprintf(" at %s", share(a.Weight))
	if a.Waiting != "" && !a.Phase.Ended() {
		text += ", waiting for " + a.Waiting
	}
	if a.Reason != "" {
		text += ": " + a.Reason
	}
	return text
}

func phaseColour(p rollout.Phase) string {
	switch p {
	case rollout.PhasePromoted, rollout.PhaseCompleted:
		return green
	case rollout.PhaseRolledBack, rollout.PhaseAborted, rollout.PhaseSuperseded:
		return red
	case rollout.PhasePaused, rollout.PhaseWaiting:
		return yellow
	}
	return cyan
}

// renderRollout is the whole of a rollout as text.
func renderRollout(s screen, a *rolloutAnswer) string {
	if a.none() {
		return standing(a) + "\n"
	}
	out := []string{rolloutHead(s, a)}
	if a.DryRun {
		out = append(out, s.paint(yellow, "dry run: nothing is changed"))
	}
	out = append(out, "  "+a.Reason, "", "  "+stagePath(s, a), "")
	out = append(out, stageTable(s, a)...)
	if gate := gateLine(s, a, time.Now()); gate != "" {
		out = append(out, "", "  "+gate)
	}
	if bar := evidenceBar(s, a); bar != "" {
		out = append(out, "", "  "+bar)
	}
	out = append(out, findings(s, a)...)
	return strings.Join(out, "\n") + "\n"
}

func rolloutHead(s screen, a *rolloutAnswer) string {
	head := fmt.Sprintf("%s  %s %s → %s  %s", s.paint(bold, a.Service), a.Strategy, a.From, a.Canary,
		s.paint(phaseColour(a.Phase), strings.ToUpper(string(a.Phase))))
	if a.StartedAt.IsZero() {
		return head // of a dry run
	}
	end := a.EndedAt
	if end.IsZero() {
		end = time.Now()
	}
	return head + s.paint(dim, fmt.Sprintf("  %s by %s, %s", a.ID, a.By, took(end.Sub(a.StartedAt))))
}

// took is a duration for people: to the second, and without ends of zeros.
func took(d time.Duration) string {
	text := max(d, 0).Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// stagePath draws the stages as a path: passed, here, to come. Where the terminal has no room
// for all, those far from the present one are counted only.
func stagePath(s screen, a *rolloutAnswer) string {
	nodes := make([]node, len(a.Stages))
	for i, st := range a.Stages {
		nodes[i] = nodeOf(a, i, st)
	}
	if s.terminal {
		nodes = fold(nodes, min(max(a.Stage, 0), max(len(nodes)-1, 0)), s.width()-2)
	}
	parts := make([]string, len(nodes))
	for i, n := range nodes {
		parts[i] = s.paint(n.colour, n.text)
	}
	return strings.Join(parts, " ─ ")
}

// node is one stage on the path.
type node struct{ text, colour string }

func nodeOf(a *rolloutAnswer, i int, st rollout.StageStatus) node {
	name := st.Name + " " + share(st.Weight)
	switch {
	case st.State == "passed":
		return node{"● " + name, green}
	case st.State == "failed":
		return node{"✗ " + name, red}
	case i == a.Stage && !a.Phase.Ended():
		return node{"◉ " + name, phaseColour(a.Phase)}
	}
	return node{"○ " + name, dim}
}

// fold keeps the node at, and its neighbours as far as width has room for them and the counts of the others.
func fold(nodes []node, at, width int) []node {
	const counts = 29 // of "● 99 before ─ " and " ─ ○ 99 to come"
	room := func(from, to, reserve int) bool {
		used := reserve
		for _, n := range nodes[from:to] {
			used += utf8.RuneCountInString(n.text) + utf8.RuneCountInString(" ─ ")
		}
		return used <= width
	}
	if len(nodes) == 0 || room(0, len(nodes), 0) {
		return nodes
	}
	from, to := at, at+1
	for grown := true; grown; {
		grown = false
		if to < len(nodes) && room(from, to+1, counts) {
			to, grown = to+1, true
		}
		if from > 0 && room(from-1, to, counts) {
			from, grown = from-1, true
		}
	}
	kept := append([]node(nil), nodes[from:to]...)
	if from > 0 {
		kept = append([]node{{fmt.Sprintf("● %d before", from), dim}}, kept...)
	}
	if left := len(nodes) - to; left > 0 {
		kept = append(kept, node{fmt.Sprintf("○ %d to come", left), dim})
	}
	return kept
}

func stageTable(s screen, a *rolloutAnswer) []string {
	out := []string{s.paint(dim, fmt.Sprintf("  %-20s %8s  %-9s %17s %17s", "STAGE", "WEIGHT", "STATE", "TIME", "REQUESTS"))}
	for _, st := range a.Stages {
		spent := fmt.Sprintf("%s of %s", took(lasting(st.Spent)), took(lasting(st.Duration)))
		requests := fmt.Sprint(st.Requests)
		if st.MinRequests > 0 {
			requests += fmt.Sprintf(" of %d", st.MinRequests)
		}
		approval := ""
		if st.Approval {
			approval = "  needs approval"
		}
		out = append(out, fmt.Sprintf("  %-20s %8s  %-9s %17s %17s%s", st.Name, share(st.Weight), st.State, spent, requests, approval))
	}
	return out
}

func lasting(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// gateLine says what a rollout waits for, and how one helps it.
func gateLine(s screen, a *rolloutAnswer, now time.Time) string {
	if a.Phase.Ended() {
		if a.StandbyUntil.After(now) {
			return fmt.Sprintf("%s stands by for %s: sluice rollout undo %s", a.From, took(a.StandbyUntil.Sub(now)), a.Service)
		}
		return ""
	}
	var text string
	switch {
	case a.Gate != "":
		text = fmt.Sprintf("waits for approval of %s: sluice rollout promote %s", a.Gate, a.Service)
	case a.Phase == rollout.PhasePaused:
		text = "paused: sluice rollout resume " + a.Service
	case a.Waiting != "":
		text = "waits for " + a.Waiting
	}
	if text != "" && a.DeadlineAt.After(now) {
		text += fmt.Sprintf(" (%s left)", took(a.DeadlineAt.Sub(now)))
	}
	return s.paint(yellow, text)
}

// evidenceBar shows how much of the evidence that passes the stage is there. It
// grows exponentially, so the bar is of its logarithm.
func evidenceBar(s screen, a *rolloutAnswer) string {
	p := a.Promotion
	if p == nil || a.Phase.Ended() {
		return ""
	}
	filled := logShare(p.M, p.Bound)
	text := fmt.Sprintf("evidence %s M %.3g of %.3g", bar(s, filled, cyan), p.M, p.Bound)
	switch {
	case p.Ready:
		text += ", enough"
	case p.Missing > 0:
		text += fmt.Sprintf(", about %d requests to go", p.Missing)
	}
	if p.Summary != "" {
		text += "\n           " + s.paint(dim, p.Summary)
	}
	return text
}

// findings are checks, tests, hooks and results, as far as there are any.
func findings(s screen, a *rolloutAnswer) (out []string) {
	mark := func(ok bool) string {
		if ok {
			return s.paint(green, "✓")
		}
		return s.paint(red, "✗")
	}
	section := func(name string, n int) {
		if n > 0 {
			out = append(out, "", s.paint(dim, "  "+name))
		}
	}
	section("PREFLIGHT", len(a.Checks))
	for _, c := range a.Checks {
		out = append(out, fmt.Sprintf("  %s %-24s %-8s %s", mark(c.OK), c.Name, c.Severity, c.Message))
	}
	section("SMOKE TESTS", len(a.Smoke))
	for _, t := range a.Smoke {
		out = append(out, strings.TrimRight(fmt.Sprintf("  %s %-24s %-8s %s %s", mark(t.OK), t.Name, millis(t.Took), t.Endpoint, t.Message), " "))
	}
	section("HOOKS", len(a.Hooks))
	for _, h := range a.Hooks {
		out = append(out, "  "+mark(h.OK)+" "+hookLine(h))
	}
	section("RESULTS (95 % confidence)", len(a.Results))
	for _, r := range a.Results {
		out = append(out, fmt.Sprintf("    %-12s %-12s %s  (%s … %s)  %d requests", r.Version, r.Metric,
			figure(r.Metric, r.Value), figure(r.Metric, r.Low), figure(r.Metric, r.High), r.Requests))
	}
	if d := a.Shadow; d != nil {
		out = append(out, "", s.paint(dim, "  SHADOW"), fmt.Sprintf("    %d mirrored, %d compared, %d differ; noise %.3f%%, beyond it %.3f%%",
			d.Mirrored, d.Compared, d.Differing, d.Noise*100, d.Excess*100))
	}
	return out
}

func hookLine(h rollout.HookResult) string {
	where := h.Point
	if h.Stage != "" {
		where += " " + h.Stage
	}
	text := fmt.Sprintf("%s %-20s %-28s", h.Time.Local().Format(time.TimeOnly), h.Name, where)
	if h.Status != 0 {
		text += fmt.Sprintf(" %d", h.Status)
	}
	text += " " + millis(h.Took)
	if h.Attempts > 1 {
		text += fmt.Sprintf(", %d attempts", h.Attempts)
	}
	if h.Message != "" {
		text += "  " + h.Message
	}
	return text
}

// figure writes the value of a metric of an A/B test.
func figure(metric string, v float64) string {
	switch {
	case strings.HasSuffix(metric, "_latency"):
		return millis(v)
	case metric == "requests":
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3f%%", v*100)
}

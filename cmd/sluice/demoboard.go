package main

import (
	"fmt"
	"strings"
	"time"

	"sluice/router"
)

// board draws the demo: redrawn in place at a terminal, a line a second in a pipe.
type board struct {
	demo    *demo
	began   time.Time
	lines   []string // what happened, newest last
	seen    uint64   // last event taken from the journal
	drawn   int      // lines on the screen
	lastLog time.Time
}

const (
	boardLines = 12 // of the story
	barWidth   = 17 // characters; the board is 80 wide and 20 high
)

func newBoard(d *demo) *board { return &board{demo: d, began: time.Now()} }

func (b *board) period() time.Duration {
	if b.demo.screen.terminal {
		return 150 * time.Millisecond
	}
	return 50 * time.Millisecond // to tell of events when they happen; figures come once a second
}

// say adds a line to the story.
func (b *board) say(format string, args ...any) { b.tell(cyan, fmt.Sprintf(format, args...)) }

func (b *board) tell(colour, text string) {
	at, s := fmt.Sprintf("%5.1fs  ", time.Since(b.began).Seconds()), b.demo.screen
	if !s.terminal {
		fmt.Fprintln(s.w, at+text)
		return
	}
	for _, line := range wrap(text, s.width()-len(at), "") {
		b.lines = append(b.lines, at+s.paint(colour, line))
		at = strings.Repeat(" ", len(at))
	}
	b.lines = b.lines[max(0, len(b.lines)-boardLines):]
}

// draw shows the state of things.
func (b *board) draw() {
	b.takeEvents()
	if b.demo.screen.terminal {
		b.redraw()
		return
	}
	if time.Since(b.lastLog) >= time.Second {
		b.lastLog = time.Now()
		fmt.Fprintf(b.demo.screen.w, "%5.1fs  %s\n", time.Since(b.began).Seconds(), strings.Join(b.short(), "  |  "))
	}
}

// takeEvents puts the controller's news into the story.
func (b *board) takeEvents() {
	events, _ := b.demo.app.controller.Journal().Since(b.seen)
	for _, e := range events {
		b.seen = e.ID
		if e.Service == demoService && e.Type != "weights" {
			b.tell(eventColour(e.Type), strings.ToUpper(e.Type)+": "+e.Message)
		}
	}
}

func (b *board) redraw() {
	s := b.demo.screen
	out := []string{
		s.paint(bold, "sluice demo") + fmt.Sprintf("  a bad version is cut off by itself%12.1fs of %v", time.Since(b.began).Seconds(), b.demo.duration),
		"",
		s.paint(dim, fmt.Sprintf(" %-4s %-11s %-*s %8s %8s %8s %8s", "", "STATE", barWidth+8, "SHARE", "REQ/S", "ERRORS", "P50", "P99")),
	}
	service := b.demo.app.live.Load().Service(demoService)
	for i, share := range service.Shares() {
		out = append(out, b.row(service.Versions[i], share))
	}
	requests, exposed, failed := b.demo.tally.figures()
	bad := fmt.Sprintf("%d bad answers of v2", exposed)
	if exposed > 0 {
		bad = s.paint(red, bad)
	}
	out = append(out, "", fmt.Sprintf(" users: %d answers, %s, %d other failures", requests, bad, failed), "")
	out = append(out, b.lines...)
	var frame strings.Builder
	if b.drawn > 0 {
		fmt.Fprintf(&frame, "\x1b[%dA", b.drawn)
	}
	for _, line := range out {
		frame.WriteString("\x1b[2K" + clip(line, s.width()) + "\n")
	}
	b.drawn = len(out)
	fmt.Fprint(s.w, frame.String())
}

func (b *board) row(v *router.Version, share float64) string {
	s := b.demo.screen
	stats := b.demo.app.controller.Stats(demoService, v.Name)
	filled := int(share*barWidth + 0.5)
	if share > 0 && filled == 0 {
		filled = 1
	}
	colour := green
	if v.Name == demoCanary {
		colour = yellow
	}
	bar := s.paint(colour, strings.Repeat("█", filled)) + s.paint(dim, strings.Repeat("░", barWidth-filled))
	state := v.State().String()
	return fmt.Sprintf(" %-4s %s %s %6.2f%% %8.1f %7.2f%% %8s %8s", v.Name, s.paint(stateColour(state), fmt.Sprintf("%-11s", state)),
		bar, share*100, stats.RPS, stats.ErrorRate*100, latency(stats.P50), latency(stats.P99))
}

// short is the same for a pipe.
func (b *board) short() []string {
	var out []string
	service := b.demo.app.live.Load().Service(demoService)
	for i, share := range service.Shares() {
		v := service.Versions[i]
		stats := b.demo.app.controller.Stats(demoService, v.Name)
		out = append(out, fmt.Sprintf("%s %-11s %6.2f%% %7.1f/s errors %6.2f%% p50 %s p99 %s", v.Name, v.State(), share*100,
			stats.RPS, stats.ErrorRate*100, latency(stats.P50), latency(stats.P99)))
	}
	return out
}

func latency(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1fms", float64(d.Microseconds())/1000)
}

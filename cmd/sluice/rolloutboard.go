package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"sluice/rollout"
)

// rolloutBoard draws a rollout at a terminal, in place. It is 80 wide and 24 high, or as
// large as the terminal.
type rolloutBoard struct {
	screen screen
	now    func() time.Time

	events []string // newest last, wrapped
	series map[string]*versionSeries
}

// versionSeries are the newest figures of a version, for sparklines.
type versionSeries struct{ rps, failed []float64 }

const (
	sparkWidth    = 24 // looks
	rolloutEvents = 8  // lines
)

func (b *rolloutBoard) show(l look) error {
	b.take(l)
	frame := strings.Join(b.lines(l), "\n") + "\n"
	_, err := io.WriteString(b.screen.w, b.screen.inPlace(frame))
	return err
}

// take keeps what a look brought.
func (b *rolloutBoard) take(l look) {
	if b.series == nil {
		b.series = map[string]*versionSeries{}
	}
	if l.service != nil {
		for _, v := range l.service.Versions {
			s := b.series[v.Name]
			if s == nil {
				s = &versionSeries{}
				b.series[v.Name] = s
			}
			s.rps, s.failed = latest(s.rps, v.RPS), latest(s.failed, v.ErrorRate)
		}
	}
	for _, e := range l.events {
		at := e.Time.Local().Format(time.TimeOnly) + "  "
		for _, line := range wrap(e.Message, b.screen.width()-len(at)-3, "") {
			b.events = append(b.events, "  "+at+b.screen.paint(eventColour(e.Type), line))
			at = strings.Repeat(" ", len(at))
		}
	}
	b.events = b.events[max(0, len(b.events)-rolloutEvents):]
}

func latest(series []float64, v float64) []float64 {
	series = append(series, v)
	return series[max(0, len(series)-sparkWidth):]
}

// lines is one frame.
func (b *rolloutBoard) lines(l look) []string {
	s, a := b.screen, l.rollout
	if a.none() {
		return []string{standing(a)}
	}
	out := []string{rolloutHead(s, a), "  " + a.Reason, "", "  " + stagePath(s, a)}
	if st := a.stage(); st != nil && !a.Phase.Ended() {
		out = append(out, "  "+stageLine(s, st))
	}
	if evidence := evidenceBar(s, a); evidence != "" {
		out = append(out, strings.Split("  "+evidence, "\n")...)
	}
	if gate := gateLine(s, a, b.now()); gate != "" {
		out = append(out, "  "+gate)
	}
	out = append(out, b.versions(l)...)
	for _, h := range a.Hooks[max(0, len(a.Hooks)-3):] {
		colour := green
		if !h.OK {
			colour = red
		}
		out = append(out, "  "+s.paint(colour, "hook")+" "+hookLine(h))
	}
	out = append(append(out, ""), b.events...)
	if l.err != nil {
		out = append(out, s.paint(red, "  "+l.err.Error()))
	}
	return out
}

// versions are the shares and the sparklines.
func (b *rolloutBoard) versions(l look) []string {
	if l.service == nil {
		return nil
	}
	s := b.screen
	out := []string{"", s.paint(dim, fmt.Sprintf("  %-10s %-11s %-17s %7s  %-*s  %-*s", "VERSION", "STATE", "SHARE", "", 8+sparkWidth/2, "REQ/S", 8+sparkWidth/2, "ERRORS"))}
	for _, v := range l.service.Versions {
		series := b.series[v.Name]
		if series == nil {
			series = &versionSeries{}
		}
		half := sparkWidth / 2
		out = append(out, fmt.Sprintf("  %-10s %s %s %6.4g%%  %7.1f %s  %6.2f%% %s", v.Name,
			s.paint(stateColour(v.State), fmt.Sprintf("%-11s", v.State)), bar(s, v.Share/100, green), v.Share,
			v.RPS, s.paint(cyan, spark(series.rps, half, 0)), v.ErrorRate*100, s.paint(red, spark(series.failed, half, 0.01))))
	}
	return out
}

// stageLine is what the stage that runs still needs.
func stageLine(s screen, st *rollout.StageStatus) string {
	share := 1.0
	if st.Duration > 0 {
		share = st.Spent / st.Duration
	}
	text := fmt.Sprintf("time     %s %s of %s", bar(s, share, cyan), took(lasting(st.Spent)), took(lasting(st.Duration)))
	if st.MinRequests > 0 {
		text += fmt.Sprintf(", %d of %d requests", st.Requests, st.MinRequests)
	} else {
		text += fmt.Sprintf(", %d requests", st.Requests)
	}
	return text
}

// bar is filled by a share of 0..1.
func bar(s screen, share float64, colour string) string {
	filled := int(min(max(share, 0), 1)*barWidth + 0.5)
	if share > 0 && filled == 0 {
		filled = 1
	}
	return s.paint(colour, strings.Repeat("█", filled)) + s.paint(dim, strings.Repeat("░", barWidth-filled))
}

// logShare is how far m is on its way from 1 to bound, on a scale of logarithms; 0..1.
func logShare(m, bound float64) float64 {
	if m <= 1 || bound <= 1 || math.IsNaN(m) {
		return 0
	}
	return min(math.Log(m)/math.Log(bound), 1)
}

// spark draws the newest width values as blocks; the highest, or least if that is more, is a full one.
func spark(values []float64, width int, least float64) string {
	blocks := []rune(" ▁▂▃▄▅▆▇█")
	values = values[max(0, len(values)-width):]
	top := least
	for _, v := range values {
		top = max(top, v)
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", width-len(values)))
	for _, v := range values {
		i := 0
		if v > 0 && top > 0 {
			i = max(1, int(v/top*float64(len(blocks)-1)+0.5))
		}
		b.WriteRune(blocks[i])
	}
	return b.String()
}

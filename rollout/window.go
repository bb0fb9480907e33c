package rollout

import (
	"slices"
	"time"

	"sluice/config"
)

// open reports whether any of the windows is open at a moment of the wall clock;
// no windows are always open. Local times are compared as a clock on the wall
// shows them, so that a window moves with daylight saving.
func open(windows []config.Window, at time.Time) bool {
	return len(windows) == 0 || slices.ContainsFunc(windows, func(w config.Window) bool { return opens(w, at) })
}

func opens(w config.Window, at time.Time) bool {
	if w.Location == nil {
		w.Location = time.UTC
	}
	at = at.In(w.Location)
	hour, minute, second := at.Clock()
	clock := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
	on := func(day time.Weekday) bool { return len(w.Days) == 0 || slices.Contains(w.Days, day) }
	today, yesterday := on(at.Weekday()), on((at.Weekday()+6)%7)
	if w.From < w.To {
		return today && clock >= w.From && clock < w.To
	}
	return today && clock >= w.From || yesterday && clock < w.To
}

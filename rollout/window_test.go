package rollout

import (
	"testing"
	"time"

	"sluice/config"
)

func TestWindowsOpenByTheWallClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	h := func(n int) time.Duration { return time.Duration(n) * time.Hour }
	workdays := []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday}
	office := config.Window{Days: workdays, From: h(9), To: h(17), Location: berlin}
	night := config.Window{Days: []time.Weekday{time.Friday}, From: h(22), To: h(4)}
	whole := config.Window{Days: []time.Weekday{time.Sunday}}
	for _, tt := range []struct {
		name    string
		windows []config.Window
		at      string
		want    bool
	}{
		{"none is always open", nil, "2026-11-22T03:00:00Z", true},
		{"first minute, winter time", []config.Window{office}, "2026-11-23T08:00:00Z", true},
		{"a second before", []config.Window{office}, "2026-11-23T07:59:59Z", false},
		{"the end is outside", []config.Window{office}, "2026-11-23T16:00:00Z", false},
		{"summer time", []config.Window{office}, "2026-07-20T07:30:00Z", true},
		{"another day", []config.Window{office}, "2026-11-27T10:00:00Z", false},
		{"over midnight, the evening", []config.Window{night}, "2026-11-27T23:00:00Z", true},
		{"over midnight, the morning after", []config.Window{night}, "2026-11-28T03:59:00Z", true},
		{"over midnight, the morning of the day", []config.Window{night}, "2026-11-27T03:00:00Z", false},
		{"a whole day", []config.Window{whole}, "2026-11-22T23:59:59Z", true},
		{"and no more", []config.Window{whole}, "2026-11-23T00:00:00Z", false},
		{"any of several", []config.Window{office, whole}, "2026-11-22T12:00:00Z", true},
		{"the night that loses an hour", []config.Window{{From: h(1), To: h(3), Location: berlin}}, "2026-03-29T01:30:00Z", false}, // it is 03:30 there
	} {
		t.Run(tt.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			if got := open(tt.windows, at); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

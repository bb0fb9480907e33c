package router

import (
	"fmt"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// What one user fails again and again within a second is told apart, so that
// one bad client that its key has pinned to a version does not speak for all.
func TestFailuresOfOneUserAreToldApart(t *testing.T) {
	for _, tt := range []struct {
		name   string
		sticky *config.Sticky
		user   func(i int) string
		want   uint64 // repeats among ten failures
	}{
		{"one user", &config.Sticky{Header: "X-User"}, func(int) string { return "anna" }, 9},
		{"ten users", &config.Sticky{Header: "X-User"}, func(i int) string { return fmt.Sprint("user-", i) }, 0},
		{"no sticky key", nil, func(int) string { return "anna" }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := shop(0, 10000)
			cfg.Sticky, cfg.Guard.Trip.Off = tt.sticky, true
			_, s := live(t, cfg)
			v2 := s.Versions[1]
			var tally analysis.Tally
			now := analysis.Now()
			tally.Take(now, &v2.Split, &v2.Ruled, false)
			for i := range 10 {
				var c Choice
				s.Pick(get("a", "/", "X-User", tt.user(i)), &c)
				s.Start(&c, 0, now)
				s.Finish(&c, 0, now, now+int64(time.Microsecond), analysis.ServerError)
			}
			got := tally.Take(now, &v2.Split, &v2.Ruled, false)
			if got.Split.Failed != 10 || got.SplitRepeats != tt.want {
				t.Errorf("got %d failures, %d of them repeated; want 10 and %d", got.Split.Failed, got.SplitRepeats, tt.want)
			}
		})
	}
}

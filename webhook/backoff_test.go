package webhook

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

func TestPause(t *testing.T) {
	c := &Client{Pause: time.Second, Longest: 10 * time.Second}
	for _, tt := range []struct {
		made        int
		asked, most time.Duration
	}{{1, 0, time.Second}, {2, 0, 2 * time.Second}, {4, 0, 8 * time.Second}, {5, 0, 10 * time.Second}, {20, 0, 10 * time.Second}} {
		var largest time.Duration
		for range 2000 {
			d := c.pause(tt.made, tt.asked)
			if d < 0 || d > tt.most {
				t.Fatalf("after %d: got %v, want at most %v", tt.made, d, tt.most)
			}
			largest = max(largest, d)
		}
		if largest < tt.most*9/10 {
			t.Errorf("after %d: got at most %v, want the whole range up to %v", tt.made, largest, tt.most)
		}
	}
	if d := c.pause(1, 7*time.Second); d != 7*time.Second {
		t.Errorf("Retry-After: got %v, want 7s", d)
	}
	if d := c.pause(1, time.Hour); d != 10*time.Second {
		t.Errorf("Retry-After beyond the bound: got %v, want 10s", d)
	}
	if d := new(Client).pause(100, 0); d > defaultLongest {
		t.Errorf("zero client: got %v", d)
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	var calls atomic.Int64
	s, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
		}
	})
	c := &Client{Pause: time.Nanosecond, Longest: 2 * time.Second}
	r := c.Send(t.Context(), Request{URL: s.URL, Retries: 1})
	if !r.OK || r.Attempts != 2 || r.Took < time.Second {
		t.Errorf("got %+v, want a pause of a second", r)
	}
}

func TestRetryAfterForms(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "-1": 0, "1.5": 0, "soon": 0, "99999999999": 0,
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {in}}, now); got != want {
			t.Errorf("%q: got %v, want %v", in, got, want)
		}
	}
}

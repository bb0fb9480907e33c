package upstream

import (
	"strings"
	"testing"
	"time"
)

func TestOverdueRequestsEjectASilentEndpoint(t *testing.T) {
	const s = int64(time.Second)
	type request struct{ sent, answered int64 } // one of the two, in the order they are told
	tests := []struct {
		name string
		in   []request
		want bool
	}{
		{"one alone is a slow request", []request{{sent: 10 * s}}, false},
		{"two", []request{{sent: 10 * s}, {sent: 11 * s}}, true},
		{"two, and an answer before both", []request{{answered: 9 * s}, {sent: 10 * s}, {sent: 11 * s}}, true},
		{"two among others that are answered", []request{{answered: 12 * s}, {sent: 10 * s}, {sent: 11 * s}}, false},
		{"an answer between the two", []request{{sent: 10 * s}, {answered: 10*s + 1}, {sent: 11 * s}}, false},
		{"two after that", []request{{sent: 10 * s}, {answered: 10*s + 1}, {sent: 11 * s}, {sent: 12 * s}}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPool(t, Options{Endpoints: literals(3)}, nil)
			_, changes := watched(t, p)
			e := p.Endpoints()[0]
			for _, r := range tt.in {
				if r.answered != 0 {
					e.Answered(r.answered)
				} else {
					e.Overdue(r.sent, 1500*time.Millisecond)
				}
			}
			if e.Ejected() != tt.want {
				t.Fatalf("ejected: %v, want %v", e.Ejected(), tt.want)
			}
			if tt.want {
				if c := nextChange(t, changes); !c.Ejected || !strings.Contains(c.Reason, "unanswered for 1.5s") {
					t.Errorf("change %+v", c)
				}
			}
		})
	}
}

func TestOverdueNeverEjectsMoreThanHalf(t *testing.T) {
	for _, test := range []struct{ endpoints, want int }{{1, 0}, {2, 1}, {3, 1}, {4, 2}} {
		p := newPool(t, Options{Endpoints: literals(test.endpoints)}, nil)
		out := 0
		for _, e := range p.Endpoints() {
			for sent := range int64(5) {
				e.Overdue(sent+1, 2*time.Second)
			}
			if e.Ejected() {
				out++
			}
		}
		if out != test.want {
			t.Errorf("%d of %d endpoints ejected, want %d", out, test.endpoints, test.want)
		}
	}
}

func TestPatience(t *testing.T) {
	p := newPool(t, Options{Endpoints: literals(1)}, nil)
	p99, asked := time.Duration(0), 0
	measure := func() time.Duration { asked++; return p99 }
	now := int64(time.Hour)
	for _, tt := range []struct {
		after, p99, want time.Duration
	}{
		{0, 0, 0}, // too few answers to know
		{time.Second, 20 * time.Millisecond, time.Second},
		{time.Second / 2, time.Hour, time.Second}, // not asked again yet
		{time.Second / 2, 2 * time.Second, 6 * time.Second},
	} {
		now += int64(tt.after)
		p99 = tt.p99
		if got := p.Patience(now, measure); got != tt.want {
			t.Errorf("p99 %s: patience %s, want %s", tt.p99, got, tt.want)
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times, want 3: at most once a second", asked)
	}
	next := newPool(t, Options{Endpoints: literals(2)}, p)
	if got := next.Patience(now, measure); got != 6*time.Second {
		t.Errorf("after a reload: %s", got)
	}
}

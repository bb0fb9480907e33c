package rollout

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestJournalSince(t *testing.T) {
	var j Journal
	if events, gap := j.Since(0); events != nil || gap {
		t.Errorf("empty: %v, %v", events, gap)
	}
	for i := range 5 {
		j.Add(Event{Message: fmt.Sprint(i)})
	}
	all, gap := j.Since(0)
	if len(all) != 5 || gap {
		t.Fatalf("%d events, gap %v", len(all), gap)
	}
	first := all[0].ID
	tests := []struct {
		name string
		in   uint64
		want int
		gap  bool
	}{
		{"all after the second", first + 1, 3, false},
		{"after the last", first + 4, 0, false},
		{"from the future", first + 400, 0, false},
		{"just before the first", first - 1, 5, false},
		{"from an earlier process", first - 1000, 5, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events, gap := j.Since(tt.in)
			if len(events) != tt.want || gap != tt.gap {
				t.Errorf("%d events, gap %v, want %d, %v", len(events), gap, tt.want, tt.gap)
			}
		})
	}
	for i := range journalSize + 7 {
		j.Add(Event{Message: fmt.Sprint(5 + i)})
	}
	events, gap := j.Since(first)
	if len(events) != journalSize || !gap {
		t.Fatalf("%d events, gap %v, want %d and a gap", len(events), gap, journalSize)
	}
	for i, e := range events {
		if want := fmt.Sprint(12 + i); e.Message != want || i > 0 && e.ID != events[i-1].ID+1 {
			t.Fatalf("event %d is %q (%d), want %q", i, e.Message, e.ID, want)
		}
	}
}

func TestJournalIDsGrowAcrossProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var old, young Journal
		old.Add(Event{})
		time.Sleep(2 * time.Millisecond)
		young.Add(Event{})
		a, _ := old.Since(0)
		b, _ := young.Since(0)
		if b[0].ID <= a[0].ID {
			t.Errorf("%d after %d", b[0].ID, a[0].ID)
		}
	})
}

func TestJournalChanged(t *testing.T) {
	var j Journal
	first, again := j.Changed(), j.Changed()
	select {
	case <-first:
		t.Fatal("closed without an event")
	default:
	}
	j.Add(Event{})
	<-first
	<-again
	select {
	case <-j.Changed():
		t.Fatal("closed before the next event")
	default:
	}
}

func TestEventsAreLogged(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, nil))
	running(t, Options{Logger: logger}, one(shop(9000, 1000)), func(b *bench) {
		b.Journal().Add(Event{Type: "endpoint", Message: "logged by others"})
		if _, err := b.SetWeights(Command{Service: "shop", By: "api:ci", Reason: "night"}, map[string]int{"v1": 10000}); err != nil {
			t.Fatal(err)
		}
	})
	for _, want := range []string{`msg="weights changed"`, "service=shop", "by=api:ci", "reason=night"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log lacks %s:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "logged by others") {
		t.Errorf("an event of others was logged:\n%s", out.String())
	}
}

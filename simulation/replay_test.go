package simulation

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/recording"
)

// recorded writes one simulated hour, as the controller would.
func recorded(t *testing.T, name string, seed uint64, latencies bool) []byte {
	t.Helper()
	s, ok := Find(name)
	if !ok {
		t.Fatalf("no scenario %q", name)
	}
	var b bytes.Buffer
	w, err := recording.NewWriter(&b, recording.Header{Service: "shop", Versions: []string{"v1", "v2"}, Stable: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	tr := newTraffic(&s, newLaws(&s), seed, 0)
	for n := range Length {
		now := tr.second(n)
		block := now.block()
		stable := recording.Counts{Split: block.Stable, All: block.Stable}
		canary := recording.Counts{Split: block.Canary, All: block.CanaryAll}
		if latencies {
			stable.Latency, canary.Latency = block.StableLatency, block.CanaryLatency
		}
		if err := w.Write(recording.Second{At: now.at, Versions: []recording.Counts{stable, canary}}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func replayOf(t *testing.T, text []byte, p Policy) Replayed {
	t.Helper()
	r, err := recording.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := Replay(context.Background(), r, p)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func standing() Policy { return Policy{Judge: analysis.JudgeOptions{Breach: relative()}} }

// A recording of a simulated hour must lead to the second that the simulation found.
func TestReplayFindsWhatTheSimulationFound(t *testing.T) {
	for _, tt := range []struct{ scenario, detector string }{
		{"plus1", "sluice-standing"}, {"down_10", "sluice-standing"}, {"null_10", "sluice-standing"}, {"down_late", "trip"},
	} {
		want := play1(t, 1, 3, 1, []string{tt.scenario}, []string{tt.detector})[0]
		s, _ := Find(tt.scenario)
		got := replayOf(t, recorded(t, tt.scenario, 3, false), standing())
		v := got.Versions[0]
		cut := v.Verdict
		if tt.detector == "trip" {
			cut = v.Trip
		}
		switch {
		case len(got.Versions) != 1 || v.Version != "v2" || got.Service != "shop" || got.Torn:
			t.Errorf("%s: %+v", tt.scenario, got)
		case want.Found == 0 && cut != nil || want.Found > 0 && cut == nil:
			t.Errorf("%s: cut %+v, the simulation found %d", tt.scenario, cut, want.Found)
		case cut != nil:
			if at := int(cut.At.Sub(began()).Seconds()) - s.Onset; at != want.Median {
				t.Errorf("%s: cut after %d s, the simulation after %d", tt.scenario, at, want.Median)
			}
			if s.Onset == 0 && cut.Until.Failed != want.Bad {
				t.Errorf("%s: %d bad answers, the simulation had %d", tt.scenario, cut.Until.Failed, want.Bad)
			}
		}
	}
}

func TestReplayWithAnotherPolicy(t *testing.T) {
	text := recorded(t, "plus1", 1, false)
	loose := replayOf(t, text, Policy{TripOff: true, Judge: analysis.JudgeOptions{
		Breach: []analysis.Criterion{{Metric: analysis.ErrorRate, Limit: 0.5}}}})
	if v := loose.Versions[0]; v.First() != nil || v.Seen.Failed == 0 || v.Last == "" {
		t.Errorf("half may fail: %+v", v)
	}
	tight := replayOf(t, text, standing())
	v := tight.Versions[0]
	if v.First() == nil || v.First().By != "verdict" || !strings.Contains(v.First().Reason, "error_rate > 1.5x stable is proved") {
		t.Errorf("1.5x stable: %+v", v)
	}
	dead := replayOf(t, recorded(t, "down", 1, false), standing()).Versions[0]
	if dead.First() != dead.Trip || dead.Verdict == nil {
		t.Errorf("dead: %+v", dead)
	}
}

func TestReplayOfLatencies(t *testing.T) {
	p := Policy{Judge: analysis.JudgeOptions{Breach: quantiles(2, analysis.P99Latency)}}
	v := replayOf(t, recorded(t, "latency_x3", 1, true), p).Versions[0]
	if v.Verdict == nil || !strings.Contains(v.Verdict.Reason, analysis.P99Latency) {
		t.Errorf("three times as slow: %+v", v)
	}
	if v := replayOf(t, recorded(t, "latency_x3", 1, false), p).Versions[0]; v.Verdict != nil {
		t.Errorf("latencies that were not recorded condemn: %+v", v)
	}
}

func TestReplayOfATornRecording(t *testing.T) {
	text := recorded(t, "plus1", 1, false)
	whole, torn := replayOf(t, text, standing()), replayOf(t, text[:len(text)-5], standing())
	if !torn.Torn || torn.Versions[0].Verdict == nil || !reflect.DeepEqual(torn.Versions[0].Verdict, whole.Versions[0].Verdict) {
		t.Errorf("%+v", torn)
	}
}

// Evidence against one stable is none against another.
func TestReplayBeginsAnewWithAnotherStable(t *testing.T) {
	var b bytes.Buffer
	header := recording.Header{Service: "shop", Versions: []string{"v1", "v2"}, Stable: "v1"}
	w, err := recording.NewWriter(&b, header)
	if err != nil {
		t.Fatal(err)
	}
	counts := func(n, failed uint64) recording.Counts {
		c := analysis.Counts{Requests: n, Failed: failed}
		return recording.Counts{Split: c, All: c}
	}
	at := began()
	for n := range 600 {
		if n == 300 {
			header.Stable = "v2"
			if err := w.Header(header); err != nil {
				t.Fatal(err)
			}
		}
		bad := uint64(n % 2)
		if err := w.Write(recording.Second{At: at.Add(time.Duration(n) * time.Second), Versions: []recording.Counts{counts(50, 0), counts(50, bad)}}); err != nil {
			t.Fatal(err)
		}
	}
	got := replayOf(t, b.Bytes(), standing())
	if len(got.Versions) != 2 || got.Versions[0].Version != "v2" || got.Versions[0].Verdict == nil || got.Versions[1].Verdict != nil {
		t.Errorf("%+v", got)
	}
}

func TestReplayEndsWithItsContextAndItsFaults(t *testing.T) {
	text := recorded(t, "null_1", 1, false)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := recording.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Replay(ctx, r, standing()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	head := text[:bytes.IndexByte(text, '\n')+1]
	for name, bad := range map[string]string{"no second in it": "", "line 2": "{}\n"} {
		r, err := recording.NewReader(strings.NewReader(string(head) + bad))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Replay(context.Background(), r, standing()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q", err, name)
		}
	}
}

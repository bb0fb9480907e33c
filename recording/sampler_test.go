package recording

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"sluice/analysis"
)

// arms is a source in memory, with real recorders.
type arms []analysis.Arm

func (a arms) Arms(string) []analysis.Arm { return a }

func newArm(version string, stable bool, bp int) analysis.Arm {
	return analysis.Arm{
		Version: version, Stable: stable, WeightBP: bp,
		Split: new(analysis.Recorder), Ruled: new(analysis.Recorder), Trip: new(analysis.Trip),
	}
}

func record(r *analysis.Recorder, n int, o analysis.Outcome) {
	for range n {
		now := analysis.Now()
		r.Start(0, now)
		r.Record(0, now, now+int64(time.Millisecond), o)
	}
}

// What the recorders count between two looks stands in the recording, and a
// change of versions begins a new part.
func TestSamplerRecordsWhatHappened(t *testing.T) {
	source := arms{newArm("v1", true, 9000), newArm("v2", false, 1000)}
	var out bytes.Buffer
	s := NewSampler(&source, "shop", &out)
	at := time.Unix(1_700_000_000, 0)
	step := func() {
		t.Helper()
		if err := s.sample(at); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Second)
	}
	record(source[0].Split, 5, analysis.Success) // before the recording: nobody's
	step()
	record(source[0].Split, 90, analysis.Success)
	record(source[1].Split, 8, analysis.Success)
	record(source[1].Split, 2, analysis.ServerError)
	record(source[1].Ruled, 3, analysis.Success)
	step()
	step() // nothing happened: no line
	source = append(source, newArm("v3", false, 0))
	step()
	record(source[2].Split, 1, analysis.Success)
	step()

	r, err := NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	first, err := r.Read()
	if err != nil || r.Part() != 1 || !first.At.Equal(time.Unix(1_700_000_001, 0)) {
		t.Fatalf("first second: %+v in part %d, %v", first, r.Part(), err)
	}
	v1, v2 := first.Versions[0], first.Versions[1]
	if v1.WeightBP != 9000 || v1.Split != (analysis.Counts{Requests: 90}) {
		t.Errorf("v1: got %+v", v1)
	}
	if v2.Split != (analysis.Counts{Requests: 10, Failed: 2}) || v2.All != (analysis.Counts{Requests: 13, Failed: 2}) || v2.Latency == nil {
		t.Errorf("v2: got %+v", v2)
	}
	second, err := r.Read()
	if err != nil || r.Part() != 2 || len(second.Versions) != 3 || second.Versions[2].Split.Requests != 1 {
		t.Fatalf("second second: %+v in part %d, %v", second, r.Part(), err)
	}
	if _, err := r.Read(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last second: got %v, want io.EOF", err)
	}
}

// A clock that is set back repeats seconds; they are left out.
func TestSamplerLeavesOutRepeatedSeconds(t *testing.T) {
	source := arms{newArm("v1", true, 10000)}
	var out bytes.Buffer
	s := NewSampler(&source, "shop", &out)
	for _, at := range []int64{100, 101, 90, 102} {
		record(source[0].Split, 1, analysis.Success)
		if err := s.sample(time.Unix(at, 0)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for {
		second, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, second.At.Unix())
	}
	if len(got) != 2 || got[0] != 101 || got[1] != 102 {
		t.Errorf("seconds: got %v, want 101 and 102", got)
	}
}

package rollout

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"sluice/analysis"
)

func TestEvidencePace(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		name string
		pace evidencePace
		now  time.Time
		want bool
	}{
		{"never encoded", evidencePace{}, at, true},
		{"cheap", evidencePace{ended: at, took: time.Millisecond}, at.Add(time.Second), true},
		{"dear and just now", evidencePace{ended: at, took: time.Second}, at.Add(49 * time.Second), false},
		{"dear and long ago", evidencePace{ended: at, took: time.Second}, at.Add(50 * time.Second), true},
		{"stopped while it encoded", evidencePace{ended: at, took: time.Hour}, at.Add(5 * time.Minute), true},
		{"a clock set back", evidencePace{ended: at, took: time.Second}, at.Add(-time.Hour), true},
	} {
		if got := c.pace.due(c.now); got != c.want {
			t.Errorf("%s: due %t, want %t", c.name, got, c.want)
		}
	}
}

// savedJudge is the evidence about v2 of shop that is on disk.
func (b *bench) savedJudge() (requests uint64, found bool) {
	b.t.Helper()
	var state savedState
	if _, err := b.saver.store.read(stateFile, &state); err != nil {
		b.t.Fatal(err)
	}
	raw := state.Services["shop"].Versions["v2"].Judge
	if len(raw) == 0 {
		return 0, false
	}
	var kept struct{ Blocks uint64 }
	if err := json.Unmarshal(raw, &kept); err != nil {
		b.t.Fatal(err)
	}
	return kept.Blocks, true
}

// Where it takes long to encode all evidence, a save has what was encoded last, but never what belongs to
// another question: a version that was released is not to be condemned by what it was released from.
func TestSaveHasTheEvidenceEncodedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today()
		b := newBench(t, Options{StateDir: t.TempDir()}, shop(5000, 5000))
		defer b.Close()
		second := func() {
			b.lab.send("shop", "v1", 10, analysis.Success)
			b.lab.send("shop", "v2", 10, analysis.Success)
			time.Sleep(time.Second)
			b.block(time.Now())
			if err := b.writeState(); err != nil {
				t.Fatal(err)
			}
		}
		second()
		b.pace = evidencePace{ended: time.Now(), took: time.Second}
		second()
		if n, found := b.savedJudge(); n != 1 || !found {
			t.Errorf("%d blocks are saved (%t), want the 1 that was encoded last", n, found)
		}
		if b.saveEvidence(time.Now()) {
			t.Error("evidence is saved again too early")
		}
		b.services["shop"].version("v2").forget(b.services["shop"])
		if err := b.writeState(); err != nil {
			t.Fatal(err)
		}
		if n, _ := b.savedJudge(); n != 0 {
			t.Errorf("%d blocks are saved of what is forgotten", n)
		}
		time.Sleep(evidenceShare * time.Second)
		second()
		if n, _ := b.savedJudge(); n != 1 {
			t.Errorf("%d blocks are saved, want the 1 since", n)
		}
	})
}

// The last save has all evidence, also if another was under way when the controller ended: what that notes of its
// own pace is no reason to leave anything out.
func TestLastSaveHasAllEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today()
		b := newBench(t, Options{StateDir: t.TempDir()}, shop(5000, 5000))
		defer b.Close()
		second := func() {
			b.lab.send("shop", "v1", 10, analysis.Success)
			b.lab.send("shop", "v2", 10, analysis.Success)
			time.Sleep(time.Second)
			b.block(time.Now())
		}
		second()
		b.pace.last = true // as Run leaves it
		b.encodeEvidence()
		b.pace.took = time.Minute
		second()
		if err := b.writeState(); err != nil {
			t.Fatal(err)
		}
		if n, _ := b.savedJudge(); n != 2 {
			t.Errorf("%d blocks are saved, want both", n)
		}
		b.begin()
		if b.pace.last {
			t.Error("a controller that was taken back saves all evidence each time")
		}
	})
}

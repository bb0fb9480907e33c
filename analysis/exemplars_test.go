package analysis

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestExemplarsAreTheNewest(t *testing.T) {
	var none *Exemplars
	var e Exemplars
	if none.IDs() != nil || none.Recent() != nil || e.IDs() != nil || e.Recent() != nil {
		t.Error("an empty Exemplars has ids")
	}
	begin := time.Unix(1e9, 0).UTC()
	var want []string
	for i := range 40 {
		id := fmt.Sprintf("id-%d", i)
		e.Add(begin.Add(time.Duration(i)*time.Second), []byte(id), Timeout)
		want = append([]string{id}, want...)
	}
	if got := e.IDs(); !slices.Equal(got, want[:exemplarsKept]) {
		t.Errorf("got %v, want %v", got, want[:exemplarsKept])
	}
	got, err := json.Marshal(e.Recent()[0])
	if want := `{"time":"2001-09-09T01:47:19Z","request_id":"id-39","outcome":"timeout"}`; err != nil || string(got) != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}

func TestExemplarsNameARequestOnce(t *testing.T) {
	var e Exemplars
	for _, id := range []string{"a", "b", "a", "B"} {
		e.Add(time.Now(), []byte(id), Reset)
	}
	if got, want := e.IDs(), []string{"B", "a", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := len(e.Recent()); n != 4 {
		t.Errorf("%d exemplars, want 4", n)
	}
}

// What is read while others write is whole, and ordered by when it was added.
func TestExemplarsUnderWriters(t *testing.T) {
	var e Exemplars
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				e.Add(time.Unix(int64(i), 0), fmt.Appendf(nil, "%d-%d", g, i), Reset)
			}
		})
	}
	for range 500 {
		all := e.Recent()
		if len(all) > exemplarsKept {
			t.Fatalf("%d kept", len(all))
		}
		last := [4]int{2000, 2000, 2000, 2000}
		for _, x := range all {
			var g, i int
			if _, err := fmt.Sscanf(x.ID, "%d-%d", &g, &i); err != nil || x.Time.Unix() != int64(i) {
				t.Fatalf("torn: %+v (%v)", x, err)
			}
			if i >= last[g] {
				t.Fatalf("writer %d: %d comes after %d", g, i, last[g])
			}
			last[g] = i
		}
	}
	wg.Wait()
	if n := len(e.IDs()); n != exemplarsKept {
		t.Errorf("%d ids at the end, want %d", n, exemplarsKept)
	}
}

func TestEveryOutcomeHasAWord(t *testing.T) {
	seen := map[string]bool{"": true}
	for o := Success; int(o) < Outcomes; o++ {
		if w := o.String(); seen[w] {
			t.Errorf("outcome %d: word %q", o, w)
		} else {
			seen[w] = true
		}
	}
	if w := Outcome(0).String() + Outcome(Outcomes).String() + Outcome(255).String(); w != "" {
		t.Errorf("no outcome is called %q", w)
	}
}

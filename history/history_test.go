package history

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// ago is a record that ended so long before noon.
func ago(d time.Duration, outcome string, more ...func(*Record)) Record {
	r := Record{Service: "shop", Outcome: outcome, EndedAt: noon.Add(-d), StartedAt: noon.Add(-d - time.Hour),
		Stages: []Stage{{Name: "initial", Weight: 5, Entered: noon.Add(-d - time.Minute)}}}
	for _, f := range more {
		f(&r)
	}
	return r
}

func committed(before time.Duration) func(*Record) {
	return func(r *Record) { r.CommittedAt = r.EndedAt.Add(-before) }
}

func restored(after time.Duration) func(*Record) {
	return func(r *Record) { r.RestoredAt, r.FailedAt = r.EndedAt, r.EndedAt.Add(-after) }
}

func undone(after time.Duration) func(*Record) {
	return func(r *Record) { r.UndoneAt = r.EndedAt.Add(after) }
}

func mirrored(r *Record) { r.Strategy = shadow }

// text is a figure as a reader of the test can check it by hand.
func (f Figure) text() string {
	if f.Value == nil {
		return fmt.Sprintf("null %d/%d", f.Count, f.Of)
	}
	return fmt.Sprintf("%.4g %d/%d", *f.Value, f.Count, f.Of)
}

func (s Spread) text() string {
	if s.Median == nil || s.P90 == nil {
		return fmt.Sprintf("null %d/%d", s.Count, s.Of)
	}
	return fmt.Sprintf("%.4g %.4g %d/%d", *s.Median, *s.P90, s.Count, s.Of)
}

func TestKPIs(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		name    string
		records []Record
		window  time.Duration
		// frequency, lead, restore, failure, rollback, success
		want [6]string
	}{
		{"nothing", nil, 30 * day, [6]string{"null 0/0", "null 0/0", "null 0/0", "null 0/0", "null 0/0", "null 0/0"}},
		{"one promotion", []Record{ago(day, Promoted)}, 10 * day,
			[6]string{"0.1 1/1", "null 0/1", "null 0/0", "0 0/1", "0 0/1", "1 1/1"}},
		{"one rollback", []Record{ago(day, RolledBack, restored(90*time.Second))}, 10 * day,
			[6]string{"0 0/1", "null 0/0", "90 90 1/1", "1 1/1", "1 1/1", "0 0/1"}},
		{"an abort is no failed change and no success", []Record{ago(day, Aborted), ago(day, Promoted)}, 10 * day,
			[6]string{"0.1 1/2", "null 0/1", "null 0/0", "0 0/1", "0 0/1", "0.5 1/2"}},
		{"superseded and completed decide nothing", []Record{ago(day, Superseded), ago(day, Completed)}, 10 * day,
			[6]string{"0 0/2", "null 0/0", "null 0/0", "null 0/0", "null 0/0", "null 0/0"}},
		{"what fails before any user was on it needs no restoring", []Record{
			ago(day, RolledBack, restored(time.Second), func(r *Record) { r.Stages = []Stage{{Name: "initial", Weight: 5}} }),
			ago(day, RolledBack, restored(time.Second), func(r *Record) { r.Stages[0].Weight = 0 }), // the preview of blue/green
			ago(day, RolledBack, restored(8*time.Second)),
		}, 10 * day, [6]string{"0 0/3", "null 0/0", "8 8 1/1", "1 3/3", "1 3/3", "0 0/3"}},
		{"shadows are no changes, however they end", []Record{
			ago(day, RolledBack, mirrored, restored(time.Second)), ago(day, Aborted, mirrored), ago(day, Completed, mirrored), ago(day, Promoted),
		}, 10 * day, [6]string{"0.1 1/4", "null 0/1", "null 0/0", "0 0/1", "0 0/1", "1 1/1"}},
		// 4 promotions (one taken back after 300 s of failing), 1 rollback in 20 s, 1 abort in 2 days:
		// 4/2 a day; leads 1 h, 2 h, 10 h, one unknown: median 2 h, p90 10 h; restores 20 s and 300 s: median 160 s;
		// failed 2 of 5; rolled back 1 of 5; 3 of 6 stood.
		{"a mixture", []Record{
			ago(time.Hour, Promoted, committed(time.Hour)),
			ago(2*time.Hour, RolledBack, restored(20*time.Second), committed(time.Minute)),
			ago(3*time.Hour, Promoted, committed(10*time.Hour), undone(time.Hour), func(r *Record) {
				r.FailedAt = r.UndoneAt.Add(-300 * time.Second)
			}),
			ago(4*time.Hour, Aborted, committed(time.Hour)),
			ago(30*time.Hour, Promoted, committed(2*time.Hour)),
			ago(40*time.Hour, Promoted),
		}, 2 * day, [6]string{"2 4/6", "7200 3.6e+04 3/4", "160 300 2/2", "0.4 2/5", "0.2 1/5", "0.5 3/6"}},
		{"outside of the window", []Record{ago(2*day, Promoted), ago(-time.Hour, RolledBack), ago(2*day-time.Nanosecond, Aborted)}, 2 * day,
			[6]string{"0 0/1", "null 0/0", "null 0/0", "null 0/0", "null 0/0", "0 0/1"}},
		{"a commit after its promotion is unknown", []Record{ago(day, Promoted, committed(-time.Minute))}, 10 * day,
			[6]string{"0.1 1/1", "null 0/1", "null 0/0", "0 0/1", "0 0/1", "1 1/1"}},
		{"a failure without a first sign is counted, and has no time", []Record{ago(day, RolledBack)}, 10 * day,
			[6]string{"0 0/1", "null 0/0", "null 0/1", "1 1/1", "1 1/1", "0 0/1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := KPIs(tc.records, tc.window, noon)
			got := [6]string{f.DeploymentFrequency.text(), f.LeadTime.text(), f.TimeToRestore.text(),
				f.ChangeFailureRate.text(), f.RollbackRate.text(), f.SuccessRate.text()}
			if got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
			if !f.Until.Equal(noon) || f.Until.Sub(f.Since) != tc.window {
				t.Errorf("window is %v to %v", f.Since, f.Until)
			}
		})
	}
}

func TestSpread(t *testing.T) {
	for _, tc := range []struct {
		n           int // 1 s, 2 s, … n s
		median, p90 float64
	}{{1, 1, 1}, {2, 1.5, 2}, {3, 2, 3}, {4, 2.5, 4}, {10, 5.5, 9}, {11, 6, 10}, {100, 50.5, 90}} {
		var all []time.Duration
		for i := range tc.n {
			all = append(all, time.Duration(tc.n-i)*time.Second)
		}
		if s := spread(all, tc.n); *s.Median != tc.median || *s.P90 != tc.p90 {
			t.Errorf("of 1…%d: got median %v, p90 %v, want %v, %v", tc.n, *s.Median, *s.P90, tc.median, tc.p90)
		}
	}
}

func TestFiguresWithoutDataAreNull(t *testing.T) {
	raw, err := json.Marshal(KPIs(nil, time.Hour, noon))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"change_failure_rate":{"value":null,"count":0,"of":0}`, `"lead_time":{"median_s":null,"p90_s":null,"count":0,"of":0}`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("got %s, want %s in it", raw, want)
		}
	}
}

func named(id string, d time.Duration) Record {
	return ago(d, Promoted, func(r *Record) { r.ID = id })
}

func ids(records []Record) (out []string) {
	for _, r := range records {
		out = append(out, r.Service+"/"+r.ID)
	}
	return out
}

func TestLogIsNewestFirstAndWithoutRepetition(t *testing.T) {
	var l Log
	l.Add(named("b", 2*time.Hour))
	l.Add(named("c", time.Hour))
	l.Add(named("a", 3*time.Hour))
	again := named("b", 2*time.Hour)
	again.Reason = "ended again after a crash"
	l.Add(again)
	if got, want := ids(l.Records("", 0)), []string{"shop/c", "shop/b", "shop/a"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if r, ok := l.Find("b"); !ok || r.Reason != again.Reason {
		t.Errorf("got %+v, %v", r, ok)
	}
	if got := ids(l.Records("shop", 1)); len(got) != 1 || got[0] != "shop/c" {
		t.Errorf("the newest: got %v", got)
	}
	if got := l.Records("cart", 0); got != nil {
		t.Errorf("another service: got %v", got)
	}
	if l.Changes() != 4 {
		t.Errorf("got %d changes, want 4", l.Changes())
	}
}

func TestLogIsBoundedAndFair(t *testing.T) {
	l := Log{Limit: 10}
	l.Add(ago(1000*time.Hour, Promoted, func(r *Record) { r.ID, r.Service = "rare", "cart" }))
	for i := range 50 {
		l.Add(named(fmt.Sprint(i), time.Duration(50-i)*time.Hour))
	}
	if got := l.Records("", 0); len(got) != 10 {
		t.Errorf("%d are kept, want 10", len(got))
	}
	if got := ids(l.Records("cart", 0)); len(got) != 1 {
		t.Errorf("the busy service pushed out %v", got)
	}
	if got := l.Records("shop", 0); got[0].ID != "49" || got[8].ID != "41" {
		t.Errorf("got %v", ids(got))
	}
	// Until 10 h before noon (record 40) some are missing: a month's frequency is that of these 10 h.
	f := l.Figures("shop", 30*24*time.Hour, noon)
	if f.Until.Sub(f.Since) != 10*time.Hour || f.DeploymentFrequency.text() != "21.6 9/9" {
		t.Errorf("got %s over %v", f.DeploymentFrequency.text(), f.Until.Sub(f.Since))
	}
	if f := l.Figures("cart", 2000*time.Hour, noon); f.Until.Sub(f.Since) != 2000*time.Hour || f.Runs.Promoted != 1 {
		t.Errorf("of the other service: got %+v", f)
	}
}

func TestDefaultLimit(t *testing.T) {
	var l Log
	for i := range 600 {
		l.Add(named(fmt.Sprint(i), time.Duration(i)*time.Minute))
	}
	if n := len(l.Records("", 0)); n != 500 {
		t.Errorf("%d are kept, want 500", n)
	}
}

func TestUndoing(t *testing.T) {
	var l Log
	l.Add(named("a", time.Hour))
	before := l.Records("", 0)
	if !l.Change("a", func(r *Record) { r.UndoneAt, r.UndoReason = noon, "api:ci"; r.Stages = append(r.Stages, Stage{}) }) {
		t.Fatal("a is not there")
	}
	if !before[0].UndoneAt.IsZero() || len(before[0].Stages) != 1 {
		t.Errorf("what was handed out has changed: %+v", before[0])
	}
	if f := l.Figures("shop", 2*time.Hour, noon); f.ChangeFailureRate.text() != "1 1/1" || f.Runs.Undone != 1 {
		t.Errorf("got %+v", f)
	}
	if l.Change("b", func(*Record) {}) {
		t.Error("b was changed")
	}
}

func TestDocumentSurvivesJSON(t *testing.T) {
	l := Log{Limit: 2}
	for i := range 4 {
		r := named(fmt.Sprint(i), time.Duration(10-i)*time.Hour)
		r.Labels = map[string]string{CommittedAt: "2026-11-20T03:00:00+02:00"}
		r.Stages = []Stage{{Name: "initial", Weight: 5, Entered: noon, Outcome: "passed", Requests: 7}}
		r.Decisions = []string{"d-1"}
		r.Evidence = map[string]any{"errors": 3.0}
		l.Add(r)
	}
	doc, at := l.Document()
	raw, err := json.Marshal(doc)
	if err != nil || at != l.Changes() {
		t.Fatalf("changes %d, error %v", at, err)
	}
	var read Document
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	restored := Log{Limit: 2}
	restored.Restore(read)
	if got, want := restored.Records("", 0), l.Records("", 0); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if want := time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC); !restored.Records("", 0)[0].CommittedAt.Equal(want) {
		t.Errorf("committed at %v, want %v", restored.Records("", 0)[0].CommittedAt, want)
	}
	if got, want := restored.Figures("", time.Hour*1000, noon).Since, noon.Add(-9*time.Hour); !got.Equal(want) {
		t.Errorf("known since %v, want %v", got, want)
	}
	if restored.Changes() != 0 {
		t.Error("restoring asks for a save")
	}
}

func TestEmptyDocumentHasAList(t *testing.T) {
	var l Log
	doc, _ := l.Document()
	if raw, _ := json.Marshal(doc); string(raw) != `{"schema":1,"records":[]}` {
		t.Errorf("got %s", raw)
	}
}

func TestEvidenceNeverKeepsTheHistoryFromBeingSaved(t *testing.T) {
	for name, evidence := range map[string]map[string]any{
		"without JSON": {"ratio": math.NaN()}, "too large": {"dump": strings.Repeat("x", maxEvidence)},
	} {
		var l Log
		r := named("a", time.Hour)
		r.Evidence = evidence
		l.Add(r)
		doc, _ := l.Document()
		raw, err := json.Marshal(doc)
		if err != nil || len(raw) > 2000 || !strings.Contains(string(raw), `"omitted"`) {
			t.Errorf("%s: %d bytes, error %v", name, len(raw), err)
		}
	}
}

func TestBadCommitTimesAreUnknown(t *testing.T) {
	for _, label := range []string{"", "yesterday", "2026-11-20", "1732100000"} {
		var l Log
		r := named("a", time.Hour)
		r.Labels = map[string]string{CommittedAt: label}
		l.Add(r)
		if got, _ := l.Find("a"); !got.CommittedAt.IsZero() {
			t.Errorf("%q: got %v", label, got.CommittedAt)
		}
	}
}

func TestLogIsSafeForConcurrentUse(t *testing.T) {
	l := Log{Limit: 20}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 100 {
				id := fmt.Sprint(g, "-", i)
				l.Add(named(id, time.Duration(i)*time.Second))
				l.Change(id, func(r *Record) { r.Reason = "x" })
				l.Records("shop", 5)
				l.Figures("", time.Hour, noon)
				l.Document()
			}
		})
	}
	wg.Wait()
	if n := len(l.Records("", 0)); n != 20 {
		t.Errorf("%d are kept, want 20", n)
	}
}

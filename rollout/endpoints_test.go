package rollout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// at is the i-th endpoint of a version.
func at(i int) string { return fmt.Sprintf("10.0.0.%d:80", i+1) }

// deploy gives a version of shop n endpoints.
func (l *lab) deploy(version string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.services["shop"].versions[version]
	v.endpoints = nil
	for i := range n {
		v.endpoints = append(v.endpoints, analysis.EndpointCounts{Endpoint: at(i)})
	}
}

// answerAt lets n requests end at an endpoint, failed of them badly.
func (l *lab) answerAt(version string, endpoint, n, failed int, ruled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, now := l.services["shop"].versions[version], analysis.Now()
	r := &v.split
	if ruled {
		r = &v.ruled
	}
	for i := range n {
		o := analysis.Success
		if i < failed {
			o = analysis.ServerError
		}
		r.Start(uint32(i), now)
		r.Record(uint32(i), now, now+int64(time.Millisecond), o)
	}
	v.endpoints[endpoint].Requests += uint64(n)
	v.endpoints[endpoint].Failed += uint64(failed)
}

func (l *lab) out() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.expelled)
}

func TestOneBadEndpointIsEjectedNotItsVersion(t *testing.T) {
	stays := errors.New("too many are out")
	for _, tt := range []struct {
		name       string
		endpoints  int
		bad        []int
		ruledFails bool
		stay       error
		expelled   []string
		state      config.State
		kinds      []string // of decisions
	}{
		{"one of three", 3, []int{1}, false, nil, []string{"v2 " + at(1)}, config.Active, []string{"endpoint eject"}},
		{"one of five", 5, []int{4}, false, nil, []string{"v2 " + at(4)}, config.Active, []string{"endpoint eject"}},
		{"one of three that may not go", 3, []int{1}, false, stays, nil, config.Active, []string{"alert alert"}},
		{"all", 3, []int{0, 1, 2}, false, nil, nil, config.Quarantined, []string{"verdict quarantine"}},
		{"one of two", 2, []int{1}, false, nil, nil, config.Quarantined, []string{"verdict quarantine"}},
		{"one, and what rules send fails everywhere", 3, []int{1}, true, nil, nil, config.Quarantined, []string{"verdict quarantine"}},
		{"none", 3, nil, false, nil, nil, config.Active, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := shop(9000, 1000)
			s.Guard.Trip.Off = true
			running(t, Options{}, one(s), func(b *bench) {
				b.lab.deploy("v2", tt.endpoints)
				b.lab.stay = tt.stay
				for sec := range 90 {
					b.lab.answer("shop", "v1", 270, 10*time.Millisecond)
					for i := range tt.endpoints {
						failed := 0
						if sec >= 20 && slices.Contains(tt.bad, i) {
							failed = 3
						}
						if slices.Contains(b.lab.out(), "v2 "+at(i)) || b.lab.state("shop", "v2") != config.Active {
							continue
						}
						b.lab.answerAt("v2", i, 10, failed, false)
						if tt.ruledFails {
							b.lab.answerAt("v2", i, 10, 5, true)
						}
					}
					time.Sleep(time.Second)
				}
				settle()
				b.wantState("v2", tt.state)
				if got := b.lab.out(); !slices.Equal(got, tt.expelled) {
					t.Errorf("expelled %v, want %v", got, tt.expelled)
				}
				var kinds []string
				for _, d := range b.Decisions("shop") {
					kinds = append(kinds, d.Kind+" "+d.Action)
				}
				if !slices.Equal(kinds, tt.kinds) {
					t.Fatalf("decisions %v, want %v: %+v", kinds, tt.kinds, b.Decisions("shop"))
				}
				if tt.state == config.Active && len(tt.bad) > 0 {
					b.wantEndpointEvidence(at(tt.bad[0]), tt.endpoints, tt.stay)
				}
			})
		})
	}
}

// wantEndpointEvidence looks at the only decision and its event.
func (b *bench) wantEndpointEvidence(endpoint string, places int, stay error) {
	b.t.Helper()
	d := b.Decisions("shop")[0]
	figures, _ := d.Evidence["endpoints"].([]map[string]any)
	if d.Evidence["endpoint"] != endpoint || d.Metric != analysis.ErrorRate || len(figures) != places || !strings.Contains(d.Summary, endpoint) {
		b.t.Fatalf("decision %+v", d)
	}
	for _, f := range figures {
		if bad := f["endpoint"] == endpoint; bad != (f["failed"].(uint64) > 0) || f["requests"].(uint64) == 0 {
			b.t.Errorf("figures %v", figures)
		}
	}
	kind := "endpoint"
	if stay != nil {
		kind = "alert"
		if !strings.Contains(d.Summary, stay.Error()) || d.Evidence["stays"] != stay.Error() {
			b.t.Errorf("decision does not say why the endpoint stays: %+v", d)
		}
	}
	if e := b.events(kind); len(e) != 1 || e[0].Fields["endpoint"] != endpoint || e[0].By != "guard" {
		b.t.Errorf("events %+v", e)
	}
}

func TestEndpointDeltas(t *testing.T) {
	b := newBench(t, Options{}, shop(9000, 1000))
	l, es := b.lab, &endpoints{}
	take := func(want ...analysis.Counts) {
		t.Helper()
		got := es.take(l, "shop", "v2")
		if len(got) != len(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		for i := range got {
			if got[i].Counts != want[i] {
				t.Errorf("got %v, want %v", got, want)
			}
		}
	}
	l.deploy("v2", 2)
	l.answerAt("v2", 0, 5, 1, false)
	take()
	take() // two are too few
	l.deploy("v2", 3)
	l.answerAt("v2", 0, 5, 1, false)
	take() // what came before is nobody's evidence
	l.answerAt("v2", 1, 10, 4, false)
	take(analysis.Counts{}, analysis.Counts{Requests: 10, Failed: 4}, analysis.Counts{})
	take(make([]analysis.Counts, 3)...)
	if n := testing.AllocsPerRun(100, func() { es.take(l, "shop", "v2") }); n != 0 {
		t.Errorf("%v allocations while the set stands", n)
	}

	es.add(es.block, time.Unix(1, 0))
	l.deploy("v2", 3) // others at the same addresses: their counts begin at 0
	take()
	if len(es.figures()) != 0 {
		t.Errorf("figures of endpoints that left: %v", es.figures())
	}
	l.answerAt("v2", 2, 3, 1, false)
	take(analysis.Counts{}, analysis.Counts{}, analysis.Counts{Requests: 3, Failed: 1}, analysis.Counts{}) // one place more: the judge begins anew
	l.deploy("v2", 4)
	take()
	take(make([]analysis.Counts, 5)...)
	l.deploy("v2", 1)
	take()
}

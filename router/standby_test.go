package router

import (
	"testing"

	"sluice/analysis"
	"sluice/config"
)

// After a promotion stable is cut by the request that failed, and who stands by answers the next one, though
// another version comes before it in the file.
func TestStableIsCutInlineWhileAnotherStandsBy(t *testing.T) {
	l, s := live(t, shop(10000, 0, 0))
	promoted(t, l, "v3")
	for range 30 {
		send(s, get("a", "/"), analysis.ServerError)
	}
	expectNoCut(t, l)
	l.SetStandby("shop", "v2")
	for n := 1; ; n++ {
		c := send(s, get("a", "/"), analysis.ServerError)
		if c.Version.Name != "v3" {
			t.Fatalf("request %d went to %s", n, c.Version.Name)
		}
		if s.version("v3").State() == config.Tripped {
			if n > 9 {
				t.Errorf("cut after %d failures, want 9", n)
			}
			break
		}
		if n == 100 {
			t.Fatal("a hundred failures cut nothing")
		}
	}
	expectCut(t, l, "v3", analysis.Tripped)
	for range 100 {
		if c := send(s, get("a", "/"), analysis.Success); c.Version.Name != "v2" {
			t.Fatalf("after the cut %s answered, want v2, which stands by", c.Version.Name)
		}
	}
	if shares := s.Shares(); shares[1] != 1 {
		t.Errorf("shares are %v", shares)
	}
}

// promoted makes version stable with all the traffic.
func promoted(t *testing.T, l *Live, version string) {
	t.Helper()
	if err := l.SetWeights("shop", config.Weights{Stable: version, BP: map[string]int{version: fullBP}}); err != nil {
		t.Fatal(err)
	}
}

func TestStableIsNotCutWhereNobodyTakesOver(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, l *Live){
		"nobody stands by":                       func(_ *testing.T, l *Live) { l.SetStandby("shop", "") },
		"who stands by is not there":             func(_ *testing.T, l *Live) { l.SetStandby("shop", "v9") },
		"who stands by is quarantined":           func(t *testing.T, l *Live) { setState(t, l, "v1", config.Quarantined) },
		"who stands by is off":                   func(t *testing.T, l *Live) { setState(t, l, "v1", config.Off) },
		"who stood by has taken over":            func(t *testing.T, l *Live) { promoted(t, l, "v1") },
		"the service is another":                 func(_ *testing.T, l *Live) { l.SetStandby("shop", ""); l.SetStandby("other", "v1") },
		"a change of the file made a new split":  func(t *testing.T, l *Live) { l.Store(build(t, nil, shop(0, 10000))) },
		"stable itself is named, who is no help": func(_ *testing.T, l *Live) { l.SetStandby("shop", "v2") },
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := live(t, shop(10000, 0))
			promoted(t, l, "v2")
			l.SetStandby("shop", "v1")
			leave(t, l)
			s := l.Load().Service("shop")
			for range 100 {
				send(s, get("a", "/"), analysis.ServerError)
			}
			for _, v := range s.Versions {
				if v.State() == config.Tripped && s.Versions[s.Stable()] == v {
					t.Errorf("stable %s was cut", v.Name)
				}
			}
		})
	}
}

package advice

import "testing"

// The scores are worked out by hand from the sentences in strategy.go: canary,
// blue_green, rolling, shadow, ab_test.
func TestStrategies(t *testing.T) {
	tests := []struct {
		name   string
		in     Needs
		best   string
		scores [5]int
	}{
		// canary 2-3; blue_green 2-4+2+1; rolling 2+2+1; shadow -4; ab_test -4-2
		{"nothing said", Needs{}, "rolling", [5]int{-1, 1, 5, -4, -6}},
		// canary 2+3+2; blue_green 2-4-2; rolling 2+2-3; shadow -4+2; ab_test -4+1
		{"a busy shop", Needs{Risk: High, PerSecond: 1000, Experience: Intermediate}, "canary", [5]int{7, -4, 1, -2, -3}},
		// canary 2+3+2+1+1; blue_green 2+3+2+1-2; rolling 2-3-2; shadow -4+2+1; ab_test -4+1
		{"a bank with two halls", Needs{Risk: High, PerSecond: 1000, Experience: Intermediate, SecondEnvironment: true, Compliance: true, InstantRollback: true},
			"canary", [5]int{9, 6, -3, -1, -3}},
		// canary 2+2-3; blue_green 2+3+2+1; rolling 2+1; shadow -4+1; ab_test -4-2
		{"a small site with a second server", Needs{Risk: Medium, PerSecond: 0.2, SecondEnvironment: true}, "blue_green", [5]int{1, 8, 3, -3, -6}},
		// canary 2+3+2-4; blue_green 2+3+3-2; rolling 2-3-4; shadow -4+2+1-1+1; ab_test -4+1-4
		{"a schema that changes", Needs{Risk: High, PerSecond: 100, State: Data, SecondEnvironment: true, Experience: Advanced}, "blue_green", [5]int{3, 6, -5, -1, -7}},
		// canary 2+2; blue_green 2-4+1+1; rolling 2+2+2-1+1; shadow -4; ab_test -4+1
		{"an internal tool", Needs{Risk: Low, PerSecond: 20, State: Sessions}, "rolling", [5]int{4, 0, 6, -4, -3}},
		// canary 2+2; blue_green 0-4; rolling 0+2; shadow -4; ab_test 8+1
		{"a question about users", Needs{Goal: Experiment, Risk: Medium, PerSecond: 50, Experience: Intermediate}, "ab_test", [5]int{4, -4, 2, -4, 9}},
		// canary 3+2; blue_green 0-4-2; rolling 0+2-3; shadow 8+2+1; ab_test -4+1
		{"a rewrite", Needs{Goal: Rehearsal, Risk: High, PerSecond: 50, Experience: Advanced}, "shadow", [5]int{5, -6, -1, 11, -3}},
		// canary 2; blue_green 2-4; rolling 2+2; shadow -4; ab_test -4: five requests a second speak neither way
		{"between little and much", Needs{PerSecond: 5, Experience: Intermediate}, "rolling", [5]int{2, -2, 4, -4, -4}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Strategies(test.in)
			for i, name := range []string{"canary", "blue_green", "rolling", "shadow", "ab_test"} {
				if s := find(t, got, name); s.Points != test.scores[i] {
					t.Errorf("%s: got %d for %+v, want %d", name, s.Points, s.Reasons, test.scores[i])
				}
			}
			if got[0].Name != test.best {
				t.Errorf("got %s first, want %s", got[0].Name, test.best)
			}
		})
	}
}

// What brings a version into service is worth the same to all three that do.
func TestOnlyReleasesBringIntoService(t *testing.T) {
	for _, name := range []string{"canary", "blue_green", "rolling"} {
		with := find(t, Strategies(Needs{Goal: Release}), name).Points
		without := find(t, Strategies(Needs{Goal: Experiment}), name).Points
		if with-without != 2 {
			t.Errorf("%s: a release is worth %d, want 2", name, with-without)
		}
	}
}

func find(t *testing.T, all []Score, name string) Score {
	t.Helper()
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("%s is not among %+v", name, all)
	return Score{}
}

// Points are the sum of their reasons, and each is a sentence.
func TestReasonsAddUp(t *testing.T) {
	for _, goal := range []Goal{Release, Experiment, Rehearsal} {
		for _, risk := range []Level{Unknown, Low, Medium, High} {
			for _, state := range []State{Stateless, Sessions, Data} {
				for _, perSecond := range []float64{0, 5, 500} {
					for _, yes := range []bool{false, true} {
						for _, s := range Strategies(Needs{goal, risk, perSecond, yes, state, Advanced, yes, yes}) {
							addsUp(t, s)
						}
					}
				}
			}
		}
	}
}

func addsUp(t *testing.T, s Score) {
	t.Helper()
	sum := 0
	for _, r := range s.Reasons {
		sum += r.Points
		if r.Text == "" || r.Text[len(r.Text)-1] != '.' {
			t.Errorf("%s: %q is no sentence", s.Name, r.Text)
		}
	}
	if sum != s.Points {
		t.Errorf("%s: reasons sum to %d, the score is %d", s.Name, sum, s.Points)
	}
}

// Of equal scores the order of the documentation decides, always the same.
func TestTies(t *testing.T) {
	got := ranked([]Score{{Name: "a", Points: 1}, {Name: "out", Points: 9, Excluded: "no."}, {Name: "b", Points: 2}, {Name: "c", Points: 2}, {Name: "d", Points: 1}})
	want := []string{"b", "c", "a", "d", "out"}
	for i := range want {
		if got[i].Name != want[i] {
			t.Fatalf("got %+v, want the order %v", got, want)
		}
	}
}

package config

import (
	"math"
	"strings"
	"testing"
)

func TestExpressionHolds(t *testing.T) {
	canary := Figures{Requests: 500, RPS: 50, ErrorRate: 0.02, P50: 40, P90: 90, P95: 100, P99: 250, CPU: 0.9, Memory: 0.5}
	stable := Figures{Requests: 5000, RPS: 500, ErrorRate: 0.01, P50: 40, P90: 90, P95: 100, P99: 200, CPU: 0.5, Memory: 0.5}
	blind := canary
	blind.CPU = math.NaN()
	for _, c := range []struct {
		in           string
		canary       Figures
		holds, known bool
	}{
		{"p99.canary > 1.2 * p99.stable && error_rate.canary > 0.01", canary, true, true},
		{"p99.canary > 1.3 * p99.stable", canary, false, true},
		{"p50.canary - p50.stable >= 1 or memory.canary > 0.4 and not (rps.canary < 10)", canary, true, true},
		{"!(requests.canary >= 500)", canary, false, true},
		{"p90.canary + p95.canary > -190 * -1", canary, false, true},
		{"cpu.canary > 0.8", canary, true, true},
		{"cpu.canary > 0.8", blind, false, false},
		{"cpu.canary > 0.8 || p99.canary > 100", blind, false, false},
		{"cpu.stable > 0.8 || p99.canary > 100", blind, true, true},
	} {
		e, err := compileExpression(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if holds, known := e.Holds(c.canary, stable); holds != c.holds || known != c.known {
			t.Errorf("%s: got %v, known %v, want %v, %v", c.in, holds, known, c.holds, c.known)
		}
	}
}

func TestExpressionExplains(t *testing.T) {
	e, err := compileExpression("p99.canary > 1.2 * p99.stable && p99.canary > 100 || rps.stable < 1")
	if err != nil {
		t.Fatal(err)
	}
	got := e.Explain(Figures{P99: 250.25}, Figures{P99: 200, RPS: 0.5})
	if want := "p99.canary 250.2, p99.stable 200, rps.stable 0.5"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestExpressionRefused(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"p98.canary > 3", "at its character 1: p98 is not known, want one of error_rate"},
		{"p99.canary > 3 && eror_rate.canary > 1", "at its character 19: eror_rate is not known (did you mean error_rate?)"},
		{"p99 > 3", "at its character 1: p99 needs a side"},
		{"p99.v2 > 3", "p99.v2 is not known"},
		{"error_rate.canary > 1%", "(1% is written 0.01)"},
		{"error_rate.canary > 1 % 2", "a remainder is not possible"},
		{"p99.canary / p99.stable > 2", "division is not possible"},
		{"p99.canary", "want a comparison"},
		{"true", "want a comparison"},
		{"p99.canary > 1 == true", "want a comparison"},
		{"p99.canary ** 2 > 1", "want a number or a figure"},
		{"1 > 2", "names no figure"},
		{"len(p99) > 3", "want a number or a figure"},
		{"all(1..1000000000, {# > 0})", "want a comparison"},
		{"let x = 3; p99.canary > x", "want a comparison"},
		{`"a" > p99.canary`, "want a number or a figure"},
		{"p99['canary'] > 3 ? true : false", "want a comparison"},
		{"p99.canary > ", "unexpected token EOF"},
		{"", "unexpected token EOF"},
		{"p99.canary > 3" + strings.Repeat(" ", maxExpression), "longer than"},
		{"p99.canary > 1" + strings.Repeat("+1", 200), "maximum"},
	} {
		_, err := compileExpression(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", c.in, err, c.want)
		}
	}
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{"p99.canary > 1.2 * p99.stable && error_rate.canary > 0.01", "!(rps.canary<1)", "((((", "a ?? b", "p99.canary > 9999999999999999999999"} {
		f.Add(s)
	}
	figures := Figures{Requests: 1, RPS: 1, ErrorRate: 0.1, P50: 1, P90: 1, P95: 1, P99: 1, CPU: 0.5, Memory: 0.5}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := compileExpression(s)
		if (e == nil) == (err == nil) {
			t.Fatalf("%q: got %v and %v", s, e, err)
		}
		if e != nil {
			if _, known := e.Holds(figures, figures); !known {
				t.Errorf("%q compiles and can't be evaluated", s)
			}
		}
	})
}

package analysis

import (
	"strings"
	"testing"
	"time"
)

func TestOneBadEndpoint(t *testing.T) {
	e := func(name string, n, failed uint64) EndpointCounts { return EndpointCounts{name, Counts{n, failed}} }
	stable := Counts{9000, 9}
	for _, tt := range []struct {
		name   string
		canary []EndpointCounts
		want   string
	}{
		{"one of three", []EndpointCounts{e("a", 300, 0), e("b", 300, 30), e("c", 300, 1)}, "b"},
		{"one of four", []EndpointCounts{e("a", 300, 0), e("b", 300, 1), e("c", 300, 0), e("d", 50, 50)}, "d"},
		{"all of them", []EndpointCounts{e("a", 300, 30), e("b", 300, 33), e("c", 300, 28)}, ""},
		{"two of four", []EndpointCounts{e("a", 300, 30), e("b", 300, 33), e("c", 300, 0), e("d", 300, 0)}, ""},
		{"one of two", []EndpointCounts{e("a", 300, 30), e("b", 300, 0)}, ""},
		{"others that were hardly asked", []EndpointCounts{e("a", 300, 30), e("b", 5, 0), e("c", 5, 0)}, ""},
		{"none", []EndpointCounts{e("a", 300, 0), e("b", 300, 1), e("c", 300, 0)}, ""},
		{"nothing", nil, ""},
	} {
		if got, ok := JudgeEndpoints(tt.canary, stable); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, %v, want %q", tt.name, got, ok, tt.want)
		}
	}
	if got, ok := JudgeEndpoints([]EndpointCounts{e("a", 10, 10), e("b", 10, 0), e("c", 10, 0)}, Counts{}); ok {
		t.Errorf("without stable: %q", got)
	}
}

func TestVerdictNamesTheEndpoint(t *testing.T) {
	for _, tt := range []struct {
		name string
		bad  int // endpoints
		want Standing
	}{{"one", 1, BadEndpoint}, {"all", 3, Breach}} {
		j := NewJudge(rollout)
		tr := seeded(21, 300, 1)
		var v Verdict
		for t0 := 0; t0 < 400 && v.Standing != Breach && v.Standing != BadEndpoint; t0++ {
			b := Block{At: day.Add(time.Duration(t0) * time.Second), Stable: Counts{900, tr.binomial(900, 0.001)}}
			for i, name := range []string{"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"} {
				p := 0.001
				if i < tt.bad && t0 >= 100 {
					p = 0.1
				}
				c := Counts{30, tr.binomial(30, p)}
				b.Endpoints = append(b.Endpoints, EndpointCounts{name, c})
				b.Canary = b.Canary.Add(c)
			}
			b.CanaryAll = b.Canary
			v = j.Add(b)
		}
		if v.Standing != tt.want {
			t.Errorf("%s: %+v, want %v", tt.name, v, tt.want)
		}
		if tt.want == BadEndpoint && (v.Endpoint != "10.0.0.1:80" || !strings.Contains(v.Summary, "endpoint 10.0.0.1:80")) {
			t.Errorf("%s: %+v", tt.name, v)
		}
	}
}

package analysis

import (
	"encoding/json"
	"math"
	"strings"
	"sync"
	"testing"
)

func TestParseLoad(t *testing.T) {
	none := math.NaN()
	for _, c := range []struct {
		name, in    string
		cpu, memory float64
	}{
		{"text", "TEXT cpu_utilization=0.3,mem_utilization=0.8", 0.3, 0.8},
		{"spaces and named metrics", "cpu_utilization=0.3, mem_utilization=0.8, named_metrics.queue=12, rps_fractional=10", 0.3, 0.8},
		{"older spelling", "cpu_utilization:0.3,mem_utilization:0.8", 0.3, 0.8},
		{"only one", "TEXT mem_utilization=0.5", none, 0.5},
		{"zero is a report", "cpu_utilization=0", 0, none},
		{"more than asked for", "cpu_utilization=1.7", 1.7, none},
		{"json", `JSON {"cpu_utilization": 0.3, "mem_utilization": 8e-1}`, 0.3, 0.8},
		{"json without its prefix", `{"cpu_utilization":0.3}`, 0.3, none},
		{"json of protobuf", `JSON {"cpuUtilization":0.25,"memUtilization":0.5,"rps":3}`, 0.25, 0.5},
		{"names inside named metrics are others", `JSON {"named_metrics":{"cpu_utilization":0.9},"mem_utilization":0.1}`, none, 0.1},
		{"a text that looks like a key", `JSON {"eps":"cpu_utilization","mem_utilization":0.1}`, none, 0.1},
		{"escapes", `JSON {"a\"cpu_utilization":0.9,"mem_utilization":0.1}`, none, 0.1},
		{"json cut short", `JSON {"cpu_utilization":0.3`, none, none},
		{"binary", "BIN CAESBQ==", none, none},
		{"empty", "", none, none},
		{"no number", "cpu_utilization=NaN,mem_utilization=inf", none, none},
		{"negative", "cpu_utilization=-0.1,mem_utilization=0.1", none, 0.1},
		{"absurd", "cpu_utilization=1e9", none, none},
		{"hexadecimal", "cpu_utilization=0x1p-2", none, none},
		{"no value", "cpu_utilization=,mem_utilization", none, none},
		{"endless", "cpu_utilization=0." + strings.Repeat("3", 1000), none, none},
	} {
		got := parseLoad([]byte(c.in))
		if !same(got.cpu, c.cpu) || !same(got.memory, c.memory) {
			t.Errorf("%s: got cpu %v, memory %v, want %v, %v", c.name, got.cpu, got.memory, c.cpu, c.memory)
		}
	}
}

func same(a, b float64) bool { return a == b || a != a && b != b }

func TestUtilizationAddsUp(t *testing.T) {
	var u Utilization
	before := u.Snapshot()
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 1000 {
				u.Observe([]byte("TEXT cpu_utilization=0.25,mem_utilization=0.5"))
				u.Observe([]byte(`{"cpu_utilization":0.75}`))
				u.Observe([]byte("nonsense"))
			}
		})
	}
	wait.Wait()
	got := u.Snapshot().Sub(before)
	if got.CPU.Reports != 8000 || math.Abs(got.CPU.Mean()-0.5) > 1e-9 {
		t.Errorf("cpu: got %d reports, mean %v, want 8000 and 0.5", got.CPU.Reports, got.CPU.Mean())
	}
	if got.Memory.Reports != 4000 || math.Abs(got.Memory.Mean()-0.5) > 1e-9 {
		t.Errorf("memory: got %d reports, mean %v, want 4000 and 0.5", got.Memory.Reports, got.Memory.Mean())
	}
	if again := u.Snapshot().Sub(u.Snapshot()); again != (LoadTotals{}) {
		t.Errorf("nothing came in, got %+v", again)
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	var u Utilization
	for _, header := range []string{"TEXT cpu_utilization=0.25,mem_utilization=0.5", `JSON {"cpu_utilization":0.75,"named_metrics":{"a":1}}`} {
		b := []byte(header)
		if n := testing.AllocsPerRun(100, func() { u.Observe(b) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", header, n)
		}
	}
}

func FuzzParseLoad(f *testing.F) {
	for _, s := range []string{"TEXT cpu_utilization=0.3,mem_utilization=0.8", `JSON {"cpu_utilization":0.3,"a":[{"b":"}"}]}`, `{"mem_utilization":1}`, "BIN x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := parseLoad(b)
		for _, v := range []float64{l.cpu, l.memory} {
			if v < 0 || v > mostLoad {
				t.Errorf("%q: got %v", b, v)
			}
		}
		var report struct {
			CPU json.Number `json:"cpu_utilization"`
		}
		var keys map[string]json.RawMessage
		if json.Unmarshal(b, &keys) != nil || json.Unmarshal(b, &report) != nil || len(keys) != 1 {
			return
		}
		raw, plain := keys["cpu_utilization"]
		want, err := report.CPU.Float64()
		if !plain || err != nil || len(raw) > 32 || raw[0] == '"' || want < 0 || want > mostLoad || strings.ContainsAny(string(b), "\\\n\r") || strings.Count(string(b), "cpu_utilization") != 1 {
			return
		}
		if l.cpu != want {
			t.Errorf("%q: got %v, want %v", b, l.cpu, want)
		}
	})
}

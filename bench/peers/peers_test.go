package main

import "testing"

func TestReadWrk(t *testing.T) {
	const out = `Running 3s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.50ms    0.90ms  20.00ms   90.00%
    Req/Sec    40.00k     2.00k   45.00k    80.00%
  Latency Distribution
     50%  850.00us
     75%    1.60ms
     90%    2.00ms
     99%    1.25s 
  120000 requests in 3.00s, 20.00MB read
  Socket errors: connect 0, read 1, write 2, timeout 3
  Non-2xx or 3xx responses: 4
Requests/sec:  40000.00
Transfer/sec:      6.67MB
`
	got, err := readWrk([]byte(out))
	want := sample{Requests: 120000, Failed: 10, RPS: 40000, P50: 0.85, P99: 1250}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := readWrk([]byte("unable to connect")); err == nil {
		t.Error("nonsense was read")
	}
}

// The promise is judged by the median, against the better of the two in each round.
func TestRatio(t *testing.T) {
	r := result{Workers: 1, promise: 1.15}
	for _, round := range [][3]float64{{10, 12, 11}, {12, 10, 12}, {10, 10, 20}} {
		r.add("nginx", sample{CPU: round[0]})
		r.add("haproxy", sample{CPU: round[1]})
		r.add("sluice", sample{CPU: round[2]})
	}
	if c := r.Ratio; c == nil || c.Median != 1.2 || c.Min != 1.1 || c.Max != 2 || c.Kept {
		t.Errorf("got %+v", c)
	}
	b := report{Scenarios: []result{r}}
	if !b.broken() {
		t.Error("a broken promise is not told")
	}
	r.Workers, r.Ratio = 2, nil
	r.add("caddy", sample{})
	if c := r.Ratio; c == nil || !c.Kept || c.Promise != 0 {
		t.Errorf("on all cores nothing is promised: %+v", c)
	}
}

// Refusals are cheap: a proxy that answers by failures keeps no promise.
func TestFailuresKeepNoPromise(t *testing.T) {
	r := result{Workers: 1, promise: 1.15}
	add := func(ours, theirs sample) {
		r.add("nginx", theirs)
		r.add("sluice", ours)
	}
	add(sample{CPU: 1, Requests: 1000, Failed: 11}, sample{CPU: 10, Requests: 1000})
	add(sample{CPU: 10, Requests: 1000}, sample{CPU: 20, Requests: 1000, Failed: 1000})
	b := report{Scenarios: []result{r}}
	if r.Ratio != nil || !b.broken() {
		t.Errorf("got %+v, broken: %v", r.Ratio, b.broken())
	}
	add(sample{CPU: 10, Requests: 1000, Failed: 10}, sample{CPU: 10, Requests: 1000})
	b = report{Scenarios: []result{r}}
	if c := r.Ratio; c == nil || c.Median != 1 || b.broken() {
		t.Errorf("got %+v, broken: %v", c, b.broken())
	}
}

// The size of an idle connection is promised too.
func TestIdleConnectionsAreSmall(t *testing.T) {
	for kib, broken := range map[float64]bool{15.9: false, 16: false, 16.1: true} {
		r := result{Most: 16}
		r.addIdle("nginx", 1)
		r.addIdle("sluice", kib)
		if b := (&report{Scenarios: []result{r}}); b.broken() != broken {
			t.Errorf("%v KiB: broken %v, want %v", kib, b.broken(), broken)
		}
	}
	if b := (&report{Scenarios: []result{{Most: 16}}}); !b.broken() {
		t.Error("what was not measured keeps no promise")
	}
}

func TestProfiledScenariosExist(t *testing.T) {
	for _, name := range profiled {
		if find(scenarios(), name) == nil {
			t.Errorf("no scenario is called %q", name)
		}
	}
}

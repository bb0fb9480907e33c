package simulation

import "strings"

// Scenarios lists all, in the order of the tables. Rates of failure and of traffic
// are those of the design's simulation, so that figures can be compared.
func Scenarios() []Scenario {
	var all []Scenario
	for _, part := range [][]Scenario{healthy(), regressions(), hosts(), latencies(), promotions()} {
		all = append(all, part...)
	}
	return all
}

// Find returns the scenario of that name.
func Find(name string) (Scenario, bool) {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}

// stages of an hour: 5 % for ten minutes, 25 % for twenty, 50 % for thirty.
func stages() []Stage { return []Stage{{0, 0.05}, {600, 0.25}, {1800, 0.5}} }

func always(weight float64) []Stage { return []Stage{{0, weight}} }

func null(name, title string, rate, stable, canary float64) Scenario {
	return Scenario{
		Name: name, Title: title, Rate: rate, Stages: stages(),
		Stable: constant(stable), Canary: constant(canary), Healthy: true,
	}
}

func healthy() []Scenario {
	common := null("common", "bursts on both arms: 3 s, 30 %, every 2 min", 1000, 0.001, 0.001)
	common.Bursts = Bursts{Every: 120, Length: 3, Rate: 0.3}
	return []Scenario{
		null("null", "both 0.1 %, 1000 rps", 1000, 0.001, 0.001),
		null("null_5pm", "both 0.5 %, 1000 rps", 1000, 0.005, 0.005),
		null("null_100", "both 0.5 %, 100 rps", 100, 0.005, 0.005),
		null("null_10", "both 0.5 %, 10 rps", 10, 0.005, 0.005),
		null("null_1", "both 0.5 %, 1 rps", 1, 0.005, 0.005),
		null("null_zero", "no failures at all, 1000 rps", 1000, 0, 0),
		null("null_bad", "both 2 %, 1000 rps", 1000, 0.02, 0.02),
		null("null_1.25x", "0.1 and 0.125 %, 1000 rps", 1000, 0.001, 0.00125),
		null("null_5pm_1.25x", "0.5 and 0.625 %, 1000 rps", 1000, 0.005, 0.00625),
		null("boundary0", "on the default's bound: 0.5 and 0.55 %, 1000 rps", 1000, 0.005, 0.0055),
		common,
	}
}

func fault(name, title string, rate, stable float64, canary Curve, onset int) Scenario {
	return Scenario{
		Name: name, Title: title, Rate: rate, Stages: stages(),
		Stable: constant(stable), Canary: canary, Onset: onset,
	}
}

func regressions() []Scenario {
	return []Scenario{
		fault("plus1", "0.1 to 1.1 %, 1000 rps, 5 %", 1000, 0.001, constant(0.011), 0),
		fault("x5", "0.1 to 0.5 %, 1000 rps", 1000, 0.001, constant(0.005), 0),
		fault("x3", "0.1 to 0.3 %, 1000 rps", 1000, 0.001, constant(0.003), 0),
		fault("x2", "0.1 to 0.2 %, 1000 rps", 1000, 0.001, constant(0.002), 0),
		fault("x2_5pm", "0.5 to 1 %, 1000 rps", 1000, 0.005, constant(0.01), 0),
		fault("null_1.5x", "0.1 to 0.15 %, 1000 rps: the indifference point", 1000, 0.001, constant(0.0015), 0),
		fault("null_5pm_1.5x", "0.5 to 0.75 %, 1000 rps: the indifference point", 1000, 0.005, constant(0.0075), 0),
		fault("x5_late", "0.1 to 0.5 % from minute 20 (25 %)", 1000, 0.001, jump(0.001, 0.005, 1200), 1200),
		fault("plus1_late", "0.1 to 1.1 % from minute 20 (25 %)", 1000, 0.001, jump(0.001, 0.011, 1200), 1200),
		fault("plus1_lastage", "0.1 to 1.1 % from minute 40 (50 %)", 1000, 0.001, jump(0.001, 0.011, 2400), 2400),
		fault("ramp", "0.1 to 5 %, rising from minute 5 to 25", 1000, 0.001, Curve{0.001, 0.05, 300, 1500}, 300),
		fault("down", "dead, 1000 rps", 1000, 0.001, constant(1), 0),
		fault("down_late", "dead from minute 20 (25 %), 1000 rps", 1000, 0.001, jump(0.001, 1, 1200), 1200),
		fault("down_10", "dead, 10 rps", 10, 0.001, constant(1), 0),
		fault("down_1", "dead, 1 rps", 1, 0.001, constant(1), 0),
		fault("p20_1", "0.5 to 20 %, 1 rps", 1, 0.005, constant(0.2), 0),
		fault("plus1_100", "0.1 to 1.1 %, 100 rps", 100, 0.001, constant(0.011), 0),
		fault("x5_100", "0.5 to 2.5 %, 100 rps", 100, 0.005, constant(0.025), 0),
		fault("x5_10", "0.5 to 2.5 %, 10 rps", 10, 0.005, constant(0.025), 0),
		fault("bad_x5", "2 to 10 %, 1000 rps", 1000, 0.02, constant(0.1), 0),
	}
}

// hosts: ten of 100 rps each, of which the canary is one.
func hosts() []Scenario {
	of := func(s Scenario, seconds float64) Scenario {
		s.Hosts, s.Stages = 10, always(0.1)
		if seconds > 0 {
			s.Bursts = Bursts{Every: 600, Length: seconds, Rate: 0.3, ByHost: true}
		}
		return s
	}
	return []Scenario{
		of(null("hosts_null", "ten hosts, both 0.1 %", 1000, 0.001, 0.001), 0),
		of(null("hosts_bad", "ten hosts, both 2 %", 1000, 0.02, 0.02), 0),
		of(null("hosts_3", "pod bursts: ten hosts, 3 s, 30 %, each every 10 min", 1000, 0.001, 0.001), 3),
		of(null("hosts_5", "pod bursts of 5 s", 1000, 0.001, 0.001), 5),
		of(fault("hosts_plus1", "0.1 to 1.1 %, pod bursts of 3 s, canary is one host of ten", 1000, 0.001, constant(0.011), 0), 3),
		of(fault("hosts_x5", "0.1 to 0.5 %, pod bursts of 3 s, canary is one host of ten", 1000, 0.001, constant(0.005), 0), 3),
		of(fault("hosts_down", "dead, pod bursts of 3 s, canary is one host of ten", 1000, 0.001, constant(1), 0), 3),
	}
}

// promotions: a quarter of the traffic on a healthy canary, as in a stage.
func promotions() []Scenario {
	of := func(s Scenario) Scenario {
		s.Stages = always(0.25)
		return s
	}
	return []Scenario{
		of(null("promote", "both 0.1 %, 1000 rps, 25 %", 1000, 0.001, 0.001)),
		of(null("promote_100", "both 0.5 %, 100 rps, 25 %", 100, 0.005, 0.005)),
		of(null("promote_10", "both 0.5 %, 10 rps, 25 %", 10, 0.005, 0.005)),
		of(null("promote_1", "both 0.5 %, 1 rps, 25 %", 1, 0.005, 0.005)),
		of(fault("promote_bad", "0.1 to 0.8 %, 1000 rps, 25 %: on the bound of 1.5x and 0.5 % or over it", 1000, 0.001, constant(0.008), 0)),
	}
}

// latencies: log-normal with a median of 50 ms and p99 of 321 ms. Failures stay at
// 0.1 % on both arms.
func latencies() []Scenario {
	base := Law{Median: 0.050, Sigma: 0.8}
	of := func(name, title string, rate float64, change Law, onset int) Scenario {
		s := fault("latency_"+name, title, rate, 0.001, constant(0.001), onset)
		stable, canary := base, base
		canary.Scale, canary.TailShare, canary.TailSeconds = change.Scale, change.TailShare, change.TailSeconds
		s.StableLatency, s.CanaryLatency = &stable, &canary
		s.Healthy = strings.HasPrefix(name, "null")
		return s
	}
	return []Scenario{
		of("null", "latency alike, 1000 rps", 1000, Law{}, 0),
		of("null_100", "latency alike, 100 rps", 100, Law{}, 0),
		of("null_10", "latency alike, 10 rps", 10, Law{}, 0),
		of("x1.25", "latency x1.25, 1000 rps", 1000, Law{Scale: 1.25}, 0),
		of("x1.5", "latency x1.5, 1000 rps", 1000, Law{Scale: 1.5}, 0),
		of("x2", "latency x2, 1000 rps", 1000, Law{Scale: 2}, 0),
		of("x3", "latency x3, 1000 rps", 1000, Law{Scale: 3}, 0),
		of("tail3", "tail only: 3 % take 500 ms more, 1000 rps", 1000, Law{TailShare: 0.03, TailSeconds: 0.5}, 0),
		of("x2_late", "latency x2 from minute 20, 1000 rps", 1000, Law{Scale: 2}, 1200),
		of("x2_100", "latency x2, 100 rps", 100, Law{Scale: 2}, 0),
		of("x2_10", "latency x2, 10 rps", 10, Law{Scale: 2}, 0),
	}
}

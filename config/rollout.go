package config

import "time"

// Guard is what cuts a version off, with or without a rollout.
type Guard struct {
	Trip               Trip
	Breach             Criteria      // any one of these condemns the version
	Action             string        // quarantine (default) | pause | alert
	Mode               string        // evidence (default) | window
	Window             time.Duration // of mode window, else 0
	MinRequests        int           // of mode window, else 0
	MaxExposedFailures int           // 0: off
	Effect             float64       // min_effect: smallest error-rate difference that matters, 0..1; default 0.001
	Strict             bool          // the ratio is a bound instead of the indifference point (judgement 2.3)
	WarmUp             time.Duration // of a version's first traffic, slowness up to 4x is excused; 0: none; default 30s
	MinDelay           time.Duration // smallest difference of latencies that matters; 0: any; default 5ms
	Metrics            []Metric      // figures from outside
}

// Trip is the fast, reversible cut.
type Trip struct {
	Off      bool
	Cooldown time.Duration // first, default 5s; doubles up to 5 min
}

// Criteria maps a metric (error_rate, p99_latency, …) to its conditions. Those of
// "expression" stand in their Expression.
type Criteria map[string][]Threshold

// Threshold is one condition such as "> 5%", "> 1.5x stable", "< 500ms" or an expression.
type Threshold struct {
	Text     string        // as written
	Op       string        // ">" | "<" | ">=" | "<="
	Ratio    float64       // relative to stable; 0: absolute
	Value    float64       // absolute: a ratio (0.05 for 5%) or a plain number
	Duration time.Duration // absolute latency

	Expression *Expression // nil but for a condition under "expression"
}

// Rollout says how a new version comes into service.
type Rollout struct {
	Strategy string  // canary | blue_green | ab_test | shadow | rolling
	Canary   string  // the candidate; once it is stable, a later rollout's candidate is the declared stable, or named at the start
	Stages   []Stage // of canary and ab_test, written out, whatever form the file has; of ab_test the last one lasts until somebody decides
	Preset   string  // progressive, Canary10Percent5Minutes, …
	Linear   float64
	Every    time.Duration

	// Of strategies without stages: how long blue_green previews, shadow mirrors, and rolling stays at each endpoint
	// at least; and how many requests (of the preview, of the mirror, of each step) that needs.
	Duration       time.Duration
	MinRequests    int
	MaxUnavailable int      // of rolling: endpoints of the canary that may be missing at the end; default 0
	MaxDifference  float64  // of shadow: share of compared answers that may differ beyond the noise, 0..1; default 0.01
	Preview        *Preview // nil: none

	Success    Criteria
	Approval   *Approval     // needed to promote; of ab_test manual by default
	Windows    []Window      // when a rollout may start, rise and promote; empty: always. Coming down is always allowed
	MaxWait    time.Duration // default 2h
	MaxTripped time.Duration // how long the canary may stay tripped; default 5m
	OnFailure  string        // rollback (default) | pause
	Standby    time.Duration // default 10m
	AutoStart  bool
	Analysis   string // evidence (default) | none
	Preflight  string // enforce (default) | warn | off: what a critical finding does
	SmokeTests []SmokeTest
	Hooks      []Hook
	Notify     []Notify
}

// Preview lets testers see the candidate while users do not: requests that match
// When, and all that come in by the listeners that carry the same name. They never fall back to stable.
type Preview struct {
	Headers map[string]Match
	Cookies map[string]Match
	Query   map[string]Match
}

// Window is a time of the week in which a rollout may rise.
type Window struct {
	Days     []time.Weekday // empty: every day
	From, To time.Duration  // since midnight, local to Location; To before From ends the next day; equal: the whole day
	Location *time.Location // default UTC
}

// Stage is one step of a rollout.
type Stage struct {
	Name        string
	WeightBP    int
	Duration    time.Duration
	MinRequests int
	Approval    *Approval // needed to enter the stage
	Success     Criteria  // besides the rollout's; a metric named here replaces the rollout's conditions on it
}

// Approval is a person's yes. The zero value waits for as long as it takes.
type Approval struct {
	Timeout time.Duration // 0: none
	Then    string        // promote | rollback
}

// SmokeTest is one request run against a candidate's endpoints.
type SmokeTest struct {
	Name, Endpoint, Method string
	Payload                any
	Headers                map[string]string
	ExpectedStatus         int
	ExpectedResponse       any // JSON that the answer must hold; a string is also an anchored pattern; a lone string is matched with the whole text. nil: anything
	Capture                map[string]string
	Timeout                time.Duration
}

// Hook is a webhook at a point of a rollout.
type Hook struct {
	Name, On, URL, Format string   // Format: json (default) | cloudevents | flagger
	Stages                []string // of points of a stage: only at these; empty: at all
	Versions              []string // only in rollouts of these canaries; empty: in all
	Body                  any      // sent instead of our message; nil: ours. ${name} is filled in at run time
	Timeout               time.Duration
	Retries               int
	Interval              time.Duration     // between two calls of a hook that is asked again (during_stage, confirm_*, flagger's rollback); default 10s
	Secret                Secret            // key of the HMAC-SHA256 signature; "": unsigned
	Metadata              map[string]string // of format flagger
}

// Notify is a message sent on events.
type Notify struct {
	Type string
	URL  Secret
	On   []string
}

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

// Rollout is parsed and checked whole; a later release carries it out.
type Rollout struct {
	Strategy   string // canary | blue_green | ab_test | shadow | rolling
	Canary     string
	Stages     []Stage // written out, whatever form the file has
	Preset     string  // progressive, Canary10Percent5Minutes, …
	Linear     float64
	Every      time.Duration
	Success    Criteria
	MaxWait    time.Duration // default 2h
	OnFailure  string        // rollback (default) | pause
	Standby    time.Duration // default 10m
	AutoStart  bool
	Analysis   string // evidence (default) | none
	SmokeTests []SmokeTest
	Hooks      []Hook
	Notify     []Notify
}

// Stage is one step of a rollout.
type Stage struct {
	Name        string
	WeightBP    int
	Duration    time.Duration
	MinRequests int
	Approval    *Approval
}

// Approval is needed to enter a stage.
type Approval struct {
	Timeout time.Duration
	Then    string // promote | rollback
}

// SmokeTest is one request run against a candidate's endpoints.
type SmokeTest struct {
	Name, Endpoint, Method string
	Payload                any
	Headers                map[string]string
	ExpectedStatus         int
	ExpectedJSON           any
	Capture                map[string]string
	Timeout                time.Duration
}

// Hook is a webhook at a point of a rollout.
type Hook struct {
	Name, On, URL, Format string
	Body                  any // sent instead of our message; nil: ours. ${name} is filled in at run time
	Timeout               time.Duration
	Retries               int
	Secret                Secret
}

// Notify is a message sent on events.
type Notify struct {
	Type string
	URL  Secret
	On   []string
}

package preflight

import (
	"context"
	"fmt"
	"time"

	"sluice/config"
	"sluice/upstream"
)

// Severity says what a finding that is not OK means for a rollout.
type Severity string

// The severities.
const (
	Critical Severity = "critical" // it would harm users, or could not be undone: it must not begin
	Warning  Severity = "warning"  // it may go worse than hoped for
)

const (
	examineWithin = 30 * time.Second // all of it
	answerWithin  = 5 * time.Second  // a host beyond the proxy
	atOnce        = 32               // connections opened at the same time, per check
	namedAtMost   = 5                // endpoints and hosts in a message
)

// Finding is the result of one check.
type Finding struct {
	Name     string // endpoints, tls, health, …: names are stable
	Severity Severity
	OK       bool
	Message  string // one sentence, also if OK. Without secrets
}

// Subject is the rollout to be examined. Config, Service and Canary are needed; a nil function is not asked.
type Subject struct {
	Config  *config.Config // in force
	Service *config.Service
	Canary  string
	Stable  string // live

	CanaryPool *upstream.Pool // nil: it is not in force
	StablePool *upstream.Pool

	// RPS is the service's requests a second now; negative: unknown.
	RPS float64
	// OnDisk reads the configuration file again; its error is the file's faults.
	OnDisk func() (*config.Config, error)
	// Ask sends a trivial query to a source of figures. "No data" for the canary is no error before it has traffic.
	Ask func(ctx context.Context, p *config.Prometheus) error
	// Plan tells the stages that can't decide at the present traffic, a sentence each.
	Plan func() []string
	// Now is the clock. nil: time.Now.
	Now func() time.Time
}

// check is one question about a subject.
type check struct {
	name string
	ask  func(s *Subject, ctx context.Context) []Finding
}

func checks() []check {
	return []check{
		{"configuration", (*Subject).configuration},
		{"secrets", (*Subject).secrets},
		{"endpoints", (*Subject).endpoints},
		{"health", (*Subject).health},
		{"state", (*Subject).state},
		{"hooks", (*Subject).hooks},
		{"metrics", (*Subject).metrics},
		{"capacity", (*Subject).capacity},
		{"stages", (*Subject).stages},
		{"clock", (*Subject).clock},
	}
}

// Examine asks all there is to ask, at the same time, and returns after 30 s at the latest, or
// soon after ctx has ended: what has no answer until then is a finding as well. Findings come in a fixed order.
func Examine(ctx context.Context, s Subject) []Finding {
	ctx, cancel := context.WithTimeout(ctx, examineWithin)
	defer cancel()
	if s.Now == nil {
		s.Now = time.Now
	}
	all := checks()
	answers := make([]chan []Finding, len(all))
	for i, c := range all {
		answers[i] = make(chan []Finding, 1) // nobody may wait for it
		go func() { answers[i] <- c.ask(&s, ctx) }()
	}
	var findings []Finding
	for i, c := range all {
		findings = append(findings, await(ctx, answers[i], c.name)...)
	}
	return findings
}

// grace is what checks need to return after their context ended.
const grace = time.Second

func await(ctx context.Context, answer <-chan []Finding, name string) []Finding {
	select {
	case f := <-answer:
		return f
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case f := <-answer:
		return f
	case <-late.C: // a disk that hangs, as a rule
		return []Finding{{Name: name, Severity: Critical, Message: "there was no answer in time"}}
	}
}

func ok(name string, severity Severity, format string, args ...any) []Finding {
	return []Finding{{Name: name, Severity: severity, OK: true, Message: fmt.Sprintf(format, args...)}}
}

func not(name string, severity Severity, format string, args ...any) []Finding {
	return []Finding{{Name: name, Severity: severity, Message: fmt.Sprintf(format, args...)}}
}

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"sluice/config"
	"sluice/preflight"
	"sluice/promql"
	"sluice/rollout"
	"sluice/router"
	"sluice/smoke"
	"sluice/upstream"
)

// outside is the world beyond the proxy, as rollouts ask for it: of the configuration and the endpoints
// in force at the time of the question. Safe for concurrent use.
type outside struct {
	*hooks
	app *app
}

var _ rollout.Outside = (*outside)(nil)

// newOutside needs a's parts when it is asked, not before.
func newOutside(a *app) *outside { return &outside{hooks: newHooks(a.config.Load), app: a} }

// Preflight examines whether a rollout can begin.
func (o *outside) Preflight(ctx context.Context, at rollout.Situation) []rollout.Check {
	subject, err := o.subject(at)
	if err != nil {
		return []rollout.Check{{Name: "configuration", Severity: string(preflight.Critical), Message: err.Error()}}
	}
	findings := preflight.Examine(ctx, subject)
	checks := make([]rollout.Check, 0, len(findings))
	for _, f := range findings {
		checks = append(checks, rollout.Check{Name: f.Name, Severity: string(f.Severity), OK: f.OK, Message: f.Message})
	}
	return checks
}

func (o *outside) subject(at rollout.Situation) (preflight.Subject, error) {
	cfg := o.app.config.Load()
	service, _, err := candidate(cfg, at)
	if err != nil {
		return preflight.Subject{}, err
	}
	seen := o.traffic(service, at.Stable)
	return preflight.Subject{
		Config: cfg, Service: service, Canary: at.Canary, Stable: at.Stable,
		CanaryPool: o.pool(at.Service, at.Canary), StablePool: o.pool(at.Service, at.Stable),
		RPS: seen.RPS, OnDisk: onDisk(cfg.Path), Ask: asksPrometheus,
		Plan: func() []string { return blindStages(service, seen) },
	}, nil
}

// candidate finds what a rollout is about in the configuration in force.
func candidate(cfg *config.Config, at rollout.Situation) (*config.Service, *config.Version, error) {
	service := serviceOf(cfg, at.Service)
	if service == nil {
		return nil, nil, fmt.Errorf("service %s is not in the configuration in force", at.Service)
	}
	for i := range service.Versions {
		if service.Versions[i].Name == at.Canary {
			return service, &service.Versions[i], nil
		}
	}
	return nil, nil, fmt.Errorf("service %s has no version %s in the configuration in force", at.Service, at.Canary)
}

// pool is nil if the version is not in force.
func (o *outside) pool(service, version string) *upstream.Pool {
	s := o.app.live.Load().Service(service)
	if s == nil {
		return nil
	}
	return poolOf(s, version)
}

func poolOf(s *router.Service, version string) *upstream.Pool {
	for i, v := range s.Versions {
		if v.Name == version {
			return s.Pools[i]
		}
	}
	return nil
}

// traffic is what `sluice plan` would see now.
func (o *outside) traffic(service *config.Service, stable string) traffic {
	var t traffic
	for _, v := range service.Versions {
		stats := o.app.controller.Stats(service.Name, v.Name)
		t.RPS += stats.RPS
		if v.Name != stable {
			continue
		}
		if t.ErrorRate = stats.ErrorRate; stats.Requests >= enoughSeen {
			t.ErrorRate = float64(stats.Failed) / float64(stats.Requests)
		}
	}
	return t
}

// onDisk is nil for a configuration that came from no file.
func onDisk(path string) func() (*config.Config, error) {
	if path == "" {
		return nil
	}
	return func() (*config.Config, error) { return config.Load(path) }
}

// asksPrometheus asks for a constant: whether there are figures for a version shows only when it has traffic.
func asksPrometheus(ctx context.Context, p *config.Prometheus) error {
	client, err := promql.New(source(p))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.Query(ctx, "vector(1)")
	return err
}

// blindStages are the stages of s that can't decide, a sentence each.
func blindStages(s *config.Service, seen traffic) (blind []string) {
	if s.Rollout == nil || len(s.Rollout.Stages) == 0 || s.Rollout.Analysis == "none" {
		return nil
	}
	if seen.RPS <= 0 {
		return []string{"there is none: no stage can gather evidence"}
	}
	for _, stage := range planOf(s, seen).Stages {
		if !stage.Decides && len(stage.Warnings) > 0 {
			blind = append(blind, "stage "+stage.Name+": "+stage.Warnings[0])
		}
	}
	return blind
}

// Smoke runs the smoke tests at each of the candidate's endpoints; without tests there are no results.
func (o *outside) Smoke(ctx context.Context, at rollout.Situation) []rollout.SmokeResult {
	service, version, err := candidate(o.app.config.Load(), at)
	if err == nil && (service.Rollout == nil || len(service.Rollout.SmokeTests) == 0) {
		return nil
	}
	var targets []smoke.Target
	if err == nil {
		targets, err = o.targets(version, at)
	}
	if err != nil {
		return []rollout.SmokeResult{{Name: "endpoints", Message: err.Error()}}
	}
	var results []rollout.SmokeResult
	for _, r := range smoke.RunAll(ctx, service.Rollout.SmokeTests, targets) {
		results = append(results, rollout.SmokeResult{Name: r.Name, Endpoint: r.Endpoint, OK: r.OK, Status: r.Status,
			Took: float64(r.Took) / float64(time.Millisecond), Message: r.Message})
	}
	return results
}

// targets are the candidate's endpoints by their addresses of this moment. None is an error: tests
// that were run nowhere have not passed.
func (o *outside) targets(version *config.Version, at rollout.Situation) ([]smoke.Target, error) {
	pool := o.pool(at.Service, at.Canary)
	if pool == nil {
		return nil, fmt.Errorf("version %s is not in force", at.Canary)
	}
	var secure *tls.Config
	if t := version.TLS; t != nil {
		var err error
		if secure, _, err = upstream.TLSConfig(t.CA, t.Cert, t.Key, t.ServerName); err != nil {
			return nil, fmt.Errorf("tls of version %s: %w", at.Canary, err)
		}
	}
	var targets []smoke.Target
	for _, e := range pool.Resolved() {
		targets = append(targets, smoke.Target{URL: e.URL(), Address: e.Addr(), Host: e.Authority(), TLS: secure,
			Preamble: e.Preamble(), Variables: variables(at, e.URL())})
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("version %s has no endpoint", at.Canary)
	}
	return targets, nil
}

// variables are known to the first smoke test. What a variable's name may not hold is '_' in that of a label.
func variables(at rollout.Situation, endpoint string) map[string]string {
	all := map[string]string{"service": at.Service, "version": at.Canary, "endpoint": endpoint}
	for name, value := range at.Labels {
		all["label_"+strings.Map(variableRune, name)] = value
	}
	return all
}

func variableRune(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
		return c
	}
	return '_'
}

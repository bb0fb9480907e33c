package main

import (
	"sluice/config"
	"sluice/promql"
	"sluice/rollout"
)

// questions are what the configuration wants to know from outside: each metric, of
// each version of its service.
func questions(cfg *config.Config) []promql.Question {
	var all []promql.Question
	for i := range cfg.Services {
		s := &cfg.Services[i]
		for j := range s.Guard.Metrics {
			m := &s.Guard.Metrics[j]
			for _, v := range s.Versions {
				all = append(all, promql.Question{
					ID:     promql.ID{Service: s.Name, Version: v.Name, Metric: m.Name},
					Source: source(&m.Prometheus), Query: m.Prometheus.For(s.Name, v.Name),
					Interval: m.Prometheus.Interval, Timeout: m.Prometheus.Timeout,
				})
			}
		}
	}
	return all
}

func source(p *config.Prometheus) promql.Source {
	s := promql.Source{URL: p.URL, Token: p.Token.Reveal()}
	if t := p.TLS; t != nil {
		s.CA, s.Cert, s.Key, s.ServerName = t.CA, t.Cert, t.Key, t.ServerName
	}
	return s
}

// measured hands an answer to the controller.
func (a *app) measured(got promql.Answer) {
	a.controller.Measured(rollout.Measurement{
		Service: got.ID.Service, Version: got.ID.Version, Metric: got.ID.Metric,
		At: got.At, Value: got.Value, Err: got.Err,
	})
}

package admin

import (
	"slices"
	"time"

	"sluice/rollout"
	"sluice/router"
)

// scalingView is what an autoscaler needs to know of one version. Rates are of the
// last 10 s (router.Demand).
type scalingView struct {
	Service string `json:"service"`
	Version string `json:"version"`
	// Demand is what the version has to carry at its present share, NextDemand what it must be ready for: the
	// canary the share of the next stage; stable, and the one that stands by, all of the service's, as they may have to take it
	// back at once.
	Demand         float64 `json:"demand_rps"`
	NextDemand     float64 `json:"next_demand_rps"`
	InFlight       int64   `json:"in_flight"`
	ReadyEndpoints int     `json:"ready_endpoints"`
	PerEndpoint    float64 `json:"requests_per_endpoint"` // demand for each ready endpoint; 0 if none is ready
}

// getScaling shows the demand of all versions, or with ?version= of one, flat, so
// that KEDA's metrics-api scaler finds a number by its name.
func (s *Server) getScaling(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	views := scalingOf(svc, s.o.Scaling, s.o.Controller.Rollout(svc.Name))
	query := c.r.URL.Query()
	if !query.Has("version") {
		return c.json(map[string]any{"service": svc.Name, "versions": views})
	}
	version := query.Get("version")
	i := slices.IndexFunc(views, func(v scalingView) bool { return v.Version == version })
	if i < 0 {
		return unknown(kindNotFound, "version", version, versionNames(svc))
	}
	return c.json(views[i])
}

// scalingOf are the figures of svc's versions while st is its newest rollout.
func scalingOf(svc *router.Service, from *router.Scaling, st rollout.Status) []scalingView {
	weights := svc.Split.Weights()
	views := []scalingView{}
	for _, d := range from.Demands(svc.Name) {
		share := max(float64(weights.BP[d.Version])/10000, awaited(d.Version, weights.Stable, st))
		views = append(views, scalingView{
			Service: svc.Name, Version: d.Version, Demand: d.PerSecond, NextDemand: max(d.PerSecond, d.At(share)),
			InFlight: d.InFlight, ReadyEndpoints: d.Ready, PerEndpoint: d.PerEndpoint(),
		})
	}
	return views
}

// awaited is the share that a version must be ready for because of a rollout, 0..1.
func awaited(version, stable string, st rollout.Status) float64 {
	live := st.ID != "" && !st.Phase.Ended()
	standby := st.Phase == rollout.PhasePromoted && time.Now().Before(st.StandbyUntil)
	switch {
	case !live && !standby:
		return 0
	case version == stable, version == st.From:
		return 1
	case version != st.Canary:
		return 0
	}
	next := max(st.Stage, 0)
	if next < len(st.Stages) && (st.Stages[next].State == "running" || st.Stages[next].State == "passed") {
		next++ // it has that stage's share already
	}
	switch {
	case next < len(st.Stages):
		return st.Stages[next].Weight / 100
	case st.Strategy == "shadow":
		return 0 // nothing is promoted
	}
	return 1
}

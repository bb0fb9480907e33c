package main

import "sluice/rollout"

// difference tells a shadow rollout where its comparison stands. The Controller
// asks before the proxy is there as well.
func (a *app) difference(service string) rollout.ShadowResult {
	if a.proxy == nil {
		return rollout.ShadowResult{}
	}
	r, _ := a.proxy.Comparison(service)
	return rollout.ShadowResult{
		Mirrored: r.Mirrored, Compared: r.Compared, Differing: r.Differing,
		Noise: r.Noise, Excess: r.Excess, Reported: r.Reported,
	}
}

// compareAnew begins a service's comparison for a rollout of its own.
func (a *app) compareAnew(service string) {
	if a.proxy != nil {
		a.proxy.ResetComparison(service)
	}
}

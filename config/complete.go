package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// complete fills in the defaults that depend on other values. It runs between
// decoding and validation, which changes nothing.
func (d *decoder) complete(c *Config) {
	if !d.stands("state.dir") && d.options.Expand {
		// systemd may name several directories; the first is ours.
		if dir, _ := d.options.Lookup("STATE_DIRECTORY"); dir != "" {
			first, _, _ := strings.Cut(dir, ":")
			c.State.Dir = first
		}
	}
	for i := range c.Services {
		d.completeService(&c.Services[i], element("services", i))
	}
}

func (d *decoder) completeService(s *Service, path string) {
	if len(s.Versions) == 1 {
		if !d.stands(path + ".stable") {
			s.Stable = s.Versions[0].Name
		}
		if !d.stands(path + ".versions[0].weight") {
			s.Versions[0].WeightBP = 10_000
		}
	}
	if s.Rollout != nil {
		d.completeRollout(s, s.Rollout, path+".rollout")
	}
}

func (d *decoder) completeRollout(s *Service, r *Rollout, path string) {
	if r.Strategy == "canary" && !d.stands(path+".stages") {
		r.Preset = "progressive"
		r.Stages, _ = preset("progressive") // a name of ours
	}
	for i := range r.Stages {
		if !d.stands(element(path+".stages", i) + ".name") {
			r.Stages[i].Name = fmt.Sprintf("stage-%d", i+1)
		}
	}
	switch r.Strategy {
	case "ab_test":
		if !d.stands(path + ".approval") {
			r.Approval = new(Approval) // of two variants neither is better by being newer
		}
	case "shadow":
		if s.Mirror != nil && s.Mirror.To == r.Canary && !d.stands(strings.TrimSuffix(path, ".rollout")+".mirror.compare") {
			s.Mirror.Compare = true
		}
		d.otherwise(path, r, shadowDuration, shadowRequests)
	case "rolling":
		d.otherwise(path, r, rollingPause, 0)
	}
}

// otherwise sets the time and the requests that a strategy takes where the file says nothing.
func (d *decoder) otherwise(path string, r *Rollout, duration time.Duration, requests int) {
	if !d.stands(path + ".duration") {
		r.Duration = duration
	}
	if !d.stands(path + ".min_requests") {
		r.MinRequests = requests
	}
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

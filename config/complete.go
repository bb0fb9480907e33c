package config

import (
	"fmt"
	"slices"
	"strings"
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
	if s.Rollout == nil {
		return
	}
	if s.Rollout.Strategy == "canary" && !d.stands(path+".rollout.stages") {
		s.Rollout.Preset = "progressive"
		s.Rollout.Stages, _ = preset("progressive") // a name of ours
	}
	for i := range s.Rollout.Stages {
		if !d.stands(element(path+".rollout.stages", i) + ".name") {
			s.Rollout.Stages[i].Name = fmt.Sprintf("stage-%d", i+1)
		}
	}
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

package router

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"sluice/config"

	"github.com/cespare/xxhash/v2"
)

// rule sends matching requests to a version before sticky keys and weights.
type rule struct {
	when  conditions
	path  pathTest // zero: any
	to    int      // version index
	all   bool     // no percent
	below uint64   // hashes under it are taken
	seed  xxhash.Digest
}

func compileRules(cfg *config.Service, names []string) ([]rule, error) {
	var rules []rule
	for i, rc := range cfg.Rules {
		r, err := compileRule(cfg.Name, rc, i, names)
		if err != nil {
			return nil, fmt.Errorf("rules[%d]: %w", i, err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func compileRule(service string, rc config.Rule, i int, names []string) (r rule, err error) {
	if r.to = slices.Index(names, rc.To); r.to < 0 {
		return r, fmt.Errorf("to %q, which is not among the versions", rc.To)
	}
	if r.when, err = compileConditions(rc.When.Methods, rc.When.Headers, rc.When.Cookies, rc.When.Query); err != nil {
		return r, err
	}
	if rc.When.Path != nil {
		if r.path, err = compilePath(*rc.When.Path); err != nil {
			return r, fmt.Errorf("path: %w", err)
		}
	}
	if !(rc.Percent >= 0 && rc.Percent <= 100) {
		return r, fmt.Errorf("percent: got %v, want 0 to 100", rc.Percent)
	}
	if r.all = rc.Percent == 100; !r.all {
		r.below = uint64(math.Ldexp(rc.Percent/100, 64))
	}
	name := rc.Name
	if name == "" {
		name = strconv.Itoa(i)
	}
	r.seed.Reset()
	r.seed.WriteString("rule\x00" + service + "\x00" + name + "\x00")
	return r, nil
}

func (r *rule) matches(req *Request) bool { return r.path.holds(req.Path) && r.when.hold(req) }

// takes reports whether a matching request is among the rule's share: always
// the same answer for the same key; without a key, by chance.
func (r *rule) takes(key []byte, rnd uint64) bool {
	switch {
	case r.all:
		return true
	case key != nil:
		return hashKey(&r.seed, key) < r.below
	}
	return rnd < r.below
}

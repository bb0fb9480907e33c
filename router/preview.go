package router

import (
	"fmt"
	"slices"

	"sluice/config"

	"github.com/cespare/xxhash/v2"
)

// preview is what a service's rollout says of testers' requests.
type preview struct {
	asked    bool       // there are conditions
	when     conditions // of requests that come in by ordinary listeners
	canary   int        // version index; -1: no rollout
	declared int        // the stable that the file declares
}

func compilePreview(cfg *config.Service, names []string) (p preview, err error) {
	p.canary, p.declared = -1, slices.Index(names, cfg.Stable)
	r := cfg.Rollout
	if r == nil {
		return p, nil
	}
	if p.canary = slices.Index(names, r.Canary); p.canary < 0 && r.Canary != "" {
		return p, fmt.Errorf("rollout: canary %q, which is not among the versions", r.Canary)
	}
	if r.Preview == nil {
		return p, nil
	}
	if p.when, err = compileConditions(nil, r.Preview.Headers, r.Preview.Cookies, r.Preview.Query); err != nil {
		return p, fmt.Errorf("rollout: preview: %w", err)
	}
	p.asked = p.when.count() > 0 // conditions that ask nothing would send every user
	return p, nil
}

// Previews reports whether r asks to see the candidate. One look at a flag for a
// service without previews.
func (s *Service) Previews(r *Request) bool { return s.preview.asked && s.preview.when.hold(r) }

// Preview is the route of a request that came in by the preview listener of a
// service: to that service whatever its host and path, nil if there is none of that name.
func (t *Table) Preview(service string, r *Request) *Route {
	if rt := t.Match(r); rt != nil && rt.Service.Name == service {
		return rt // for what it allows
	}
	if s := t.byName[service]; s != nil {
		return s.direct
	}
	return nil
}

// PickCandidate fills c for a preview, which comes before rules, sticky key and weights,
// sets no cookie and is not shielded. It goes to the candidate: the rollout's canary,
// or once that is stable, the version that the file declares stable; or the one that
// SetCandidate named. It never falls back to stable: false says that the candidate is off
// or has no endpoint to use, or that there is none; c is then empty. A candidate that
// is tripped, quarantined or draining still answers: previews are the traffic of those who want to look at it.
// It is counted in Version.Ruled.
func (s *Service) PickCandidate(r *Request, c *Choice) bool {
	*c = Choice{}
	i := s.candidate()
	if i < 0 || s.Versions[i].State() == config.Off || !s.Pools[i].Usable() {
		return false
	}
	var buf keyBuffer
	if key := s.Policy.Sticky.key(r, &buf); key != nil {
		c.user = xxhash.Sum64(key)
	}
	c.Version, c.Pool, c.Index, c.Why, c.ruled = s.Versions[i], s.Pools[i], i, ByPreview, true
	return true
}

// candidate is the index of the version that previews show; -1: none.
func (s *Service) candidate() int {
	stable := s.Stable()
	if name := s.Split.candidate.Load(); name != nil {
		if i := slices.IndexFunc(s.Versions, func(v *Version) bool { return v.Name == *name }); i >= 0 && i != stable {
			return i
		}
	}
	switch {
	case s.preview.canary != stable:
		return s.preview.canary
	case s.preview.declared != stable:
		return s.preview.declared
	}
	return -1
}

// Candidate is the name of the version that previews of a service show now; "": none.
func (l *Live) Candidate(service string) string {
	if s := l.Load().Service(service); s != nil {
		if i := s.candidate(); i >= 0 {
			return s.Versions[i].Name
		}
	}
	return ""
}

// SetCandidate makes previews show another version than the file says, for a rollout
// whose canary was named at its start; "" goes back to the file. It lasts as long as the
// file's weights unit is unchanged, and does nothing while that version is stable.
func (l *Live) SetCandidate(service, version string) error {
	if version == "" {
		s := l.Load().Service(service)
		if s == nil {
			return fmt.Errorf("set candidate: unknown service %q", service)
		}
		s.Split.candidate.Store(nil)
		return nil
	}
	if _, err := l.find(service, version); err != nil {
		return fmt.Errorf("set candidate: %w", err)
	}
	l.Load().Service(service).Split.candidate.Store(&version)
	return nil
}

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (d *decoder) validateService(s *Service, path string) {
	d.validateVersions(s, path)
	if len(s.Versions) > 1 && !d.stands(path+".stable") {
		d.fault(path+".stable", "missing, with several versions one must be stable")
	} else {
		d.knownVersion(s, path, path+".stable", s.Stable)
	}
	d.validateRules(s, path)
	d.validateMirror(s, path)
	if h := s.Health; h != nil && h.Timeout > h.Interval {
		d.fault(path+".health.timeout", "got %s, want at most the interval of %s", formatDuration(h.Timeout), formatDuration(h.Interval))
	}
	d.validateEdits(&s.Headers.Request, path+".headers.request")
	d.validateEdits(&s.Headers.Response, path+".headers.response")
	d.validateGuard(&s.Guard, path+".guard")
	d.validateMetrics(s.Guard.Metrics, path+".guard.metrics")
	d.validateInjections(s, path)
	if s.Rollout != nil {
		d.validateRollout(s, s.Rollout, path)
	}
}

func (d *decoder) validateMirror(s *Service, path string) {
	if s.Mirror == nil {
		return
	}
	path += ".mirror"
	d.knownVersion(s, strings.TrimSuffix(path, ".mirror"), path+".to", s.Mirror.To)
	for _, key := range []string{".ignore", ".headers"} {
		if !s.Mirror.Compare && d.stands(path+key) && !d.wrongOrOpaque(path+".compare") && !d.wrongOrOpaque(path+".to") {
			d.fault(path+key, "compare is off, so nothing is compared")
		}
	}
}

func (d *decoder) validateVersions(s *Service, path string) {
	seen, sum, known := map[string]string{}, 0, true
	for i := range s.Versions {
		v, at := &s.Versions[i], element(path+".versions", i)
		d.unique(seen, v.Name, at+".name", "version")
		sum += v.WeightBP
		known = known && !d.opaque(at+".weight") && !d.faulty(at+".weight")
		d.validateEndpoints(v, at)
	}
	if known && len(s.Versions) > 0 && sum != 10_000 {
		d.fault(path+".versions", "the weights sum to %s, want 100", showPercent(int64(sum)*10_000))
	}
}

func (d *decoder) validateEndpoints(v *Version, path string) {
	seen := map[string]string{}
	secure := false
	for i, e := range v.Endpoints {
		at := element(path+".endpoints", i)
		if d.opaque(at) {
			secure = true // it may be
			continue
		}
		secure = secure || e.Scheme == "https"
		if e.Host != "" {
			identity := fmt.Sprintf("%s://%s:%d", e.Scheme, strings.ToLower(e.Host), e.Port)
			d.unique(seen, identity, at, "endpoint")
		}
	}
	if v.TLS != nil && !secure && len(v.Endpoints) > 0 {
		d.fault(path+".tls", "no endpoint of this version is https")
	}
}

// knownVersion notes a fault if name, which stands at path, is no version of s.
func (d *decoder) knownVersion(s *Service, service, path, name string) {
	if name == "" || d.opaque(path) {
		return
	}
	var all []string
	for i, v := range s.Versions {
		at := element(service+".versions", i) + ".name"
		if v.Name == name || d.opaque(at) || d.faulty(at) {
			return
		}
		all = append(all, v.Name)
	}
	if len(all) == 0 {
		return
	}
	d.fault(path, "got %s, want one of the versions %s%s", quote(name), strings.Join(all, ", "), didYouMean(name, all))
}

func (d *decoder) validateRules(s *Service, path string) {
	seen := map[string]string{}
	for i, r := range s.Rules {
		at := element(path+".rules", i)
		d.unique(seen, r.Name, at+".name", "rule")
		d.knownVersion(s, path, at+".to", r.To)
	}
}

func (d *decoder) validateEdits(h *HeaderEdit, path string) {
	for i, name := range h.Remove {
		if _, set := h.Set[name]; set {
			d.fault(element(path+".remove", i), "%s is set and removed", name)
		}
	}
}

func (d *decoder) validateGuard(g *Guard, path string) {
	windowed := g.Mode == "window" || d.opaque(path+".mode") || d.faulty(path+".mode")
	for _, name := range []string{"window", "min_requests"} {
		if d.stands(path+"."+name) && !windowed && !d.faulty(path+"."+name) {
			d.fault(path+"."+name, "belongs to mode: window; evidence weighs every request and needs none")
		}
	}
	if g.Mode == "window" && !d.stands(path+".window") {
		d.fault(path+".window", "missing, mode: window needs it")
	}
}

// validateRoutes finds requests that two routes claim with equal right.
func (d *decoder) validateRoutes(services []Service) {
	seen, tainted := map[string]string{}, d.tainted()
	for i := range services {
		for j := range services[i].Routes {
			path := element(element("services", i)+".routes", j)
			r := &services[i].Routes[j]
			if tainted[path] {
				continue
			}
			hosts := r.Hosts
			if len(hosts) == 0 {
				hosts = []string{""}
			}
			rest := routeIdentity(r)
			for _, host := range hosts {
				identity := host + "\x00" + rest
				if first, dup := seen[identity]; dup {
					d.fault(path, "matches the same requests as %s%s, want conditions that tell them apart", first, forHost(host))
					break
				}
				seen[identity] = path
			}
		}
	}
}

func forHost(host string) string {
	if host == "" {
		return ""
	}
	return " for " + host
}

// routeIdentity is equal for routes with the same conditions but hosts.
func routeIdentity(r *Route) string {
	methods := slices.Sorted(slices.Values(r.Methods))
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %v %q", r.Path.Prefix, r.Path.Exact, r.Path.Regex, slices.Compact(methods))
	for _, conditions := range []map[string]Match{r.Headers, r.Cookies, r.Query} {
		b.WriteString("\x00")
		for _, name := range slices.Sorted(maps.Keys(conditions)) {
			fmt.Fprintf(&b, "%q=%s;", name, conditions[name].identity())
		}
	}
	return b.String()
}

func (m Match) identity() string {
	switch {
	case m.Exact != nil:
		return fmt.Sprintf("exact %q", *m.Exact)
	case m.Prefix != nil:
		return fmt.Sprintf("prefix %q", *m.Prefix)
	case m.Regex != nil:
		return fmt.Sprintf("regex %q", m.Regex)
	case m.Present != nil:
		return fmt.Sprintf("present %t", *m.Present)
	default:
		return fmt.Sprintf("in %q", slices.Sorted(slices.Values(m.In)))
	}
}

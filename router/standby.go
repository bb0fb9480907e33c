package router

import "slices"

// SetStandby names the version that stands by for stable, after a promotion: the request whose
// failure sounds stable's alarm then cuts stable as it would any other version, and this one answers from the
// next request on. "" or a version that is not there: nobody stands by, and stable is never cut inline. It stands on
// the Split; after a change of the file it is to be named again.
func (l *Live) SetStandby(service, version string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.Load().Service(service)
	if s == nil {
		return
	}
	if version == "" {
		s.Split.standby.Store(nil)
		return
	}
	s.Split.standby.Store(&version)
}

// standby is the index of the version that stands by for stable; -1: none.
func (s *Service) standby(stable int) int {
	name := s.Split.standby.Load()
	if name == nil {
		return -1
	}
	i := slices.IndexFunc(s.Versions, func(v *Version) bool { return v.Name == *name })
	if i == stable {
		return -1 // it has taken over this moment
	}
	return i
}

// relieved reports whether somebody stands by for stable and may be used.
func (s *Service) relieved(stable int) bool {
	i := s.standby(stable)
	return i >= 0 && s.usable(i)
}

package router

import "sluice/analysis"

// Endpoints appends to to[:0] what ended at each endpoint of a version since the endpoint
// was made, in a fixed order while the set does not change; nothing for an unknown
// version. An endpoint is known by its ip:port. Counted are first attempts
// of split traffic, as in Version.Split: neither what rules, previews and probes sent, nor retries,
// mirrored copies and injected faults, which would blame an endpoint for what others do not get. Counts only grow; they begin at 0 with a new endpoint of the same address.
func (l *Live) Endpoints(service, version string, to []analysis.EndpointCounts) []analysis.EndpointCounts {
	to = to[:0]
	s := l.Load().Service(service)
	if s == nil {
		return to
	}
	for i, v := range s.Versions {
		if v.Name != version {
			continue
		}
		for _, e := range s.Pools[i].Endpoints() {
			requests, failed := e.Judged()
			to = append(to, analysis.EndpointCounts{
				Endpoint: e.Primary(),
				Counts:   analysis.Counts{Requests: requests, Failed: failed},
			})
		}
	}
	return to
}

// Expel takes a version's endpoint out of service by the rules of passive ejection;
// why stands in the Change that reports it. err says why it stays in service. Neither expelled nor an
// error: it was out already, or is no endpoint of the version any more.
func (l *Live) Expel(service, version, endpoint, why string) (expelled bool, err error) {
	s := l.Load().Service(service)
	if s == nil {
		return false, nil
	}
	for i, v := range s.Versions {
		if v.Name != version {
			continue
		}
		for _, e := range s.Pools[i].Endpoints() {
			if e.Primary() != endpoint {
				continue
			}
			out, stays := e.Expel(why) // two names may lead to one address: both go
			expelled = expelled || out
			if stays != nil {
				err = stays
			}
		}
	}
	if expelled {
		err = nil
	}
	return expelled, err
}

package rollout

import (
	"time"

	"sluice/analysis"
	"sluice/config"
)

// leastEndpoints a version needs for one of them to be judged by the others.
const leastEndpoints = 3

// endpoints reads by how much the counts of a version's endpoints grow, and sums up what
// they did since the change that the judge sees. The zero value is ready; it keeps
// its slices, so that a block allocates nothing once the set stands.
//
// Counted are first attempts of split traffic (Traffic.Endpoints), by which the version is judged
// as well: neither retries nor copies nor what rules send. Seconds in which the latter failed
// are left out all the same, as the version's own evidence may hold them.
type endpoints struct {
	now, seen []analysis.EndpointCounts // cumulative: the latest reading, the one before
	block     []analysis.EndpointCounts // between the two
	sums      []analysis.EndpointCounts // blocks since since
	since     time.Time
}

// take is what ended since the last call, endpoint by endpoint; nil if that is not known, as the
// set has changed, or if there are too few endpoints. It is valid until the next call.
func (es *endpoints) take(t Traffic, service, version string) []analysis.EndpointCounts {
	es.now = t.Endpoints(service, version, es.now)
	if len(es.now) < leastEndpoints {
		es.seen = es.seen[:0]
		return nil
	}
	if !es.sameSet() {
		es.restart()
		return nil
	}
	for i, k := range es.now {
		es.block[i].Requests = k.Requests - es.seen[i].Requests
		es.block[i].Failed = k.Failed - es.seen[i].Failed
	}
	copy(es.seen, es.now)
	return es.block
}

// sameSet reports whether both readings are of the same endpoints. One that left and
// came back counts from 0, and is another.
func (es *endpoints) sameSet() bool {
	if len(es.now) != len(es.seen) {
		return false
	}
	for i, k := range es.now {
		before := es.seen[i]
		if k.Endpoint != before.Endpoint || k.Requests < before.Requests || k.Failed < before.Failed {
			return false
		}
	}
	return true
}

// restart begins with the present set. The judge begins anew when the number of places
// changes; where as many came as went, one empty place more tells it.
func (es *endpoints) restart() {
	places := len(es.now)
	if places == len(es.block) {
		places++
	}
	es.seen = append(es.seen[:0], es.now...)
	es.block = make([]analysis.EndpointCounts, places)
	for i, k := range es.now {
		es.block[i].Endpoint = k.Endpoint
	}
	es.sums = nil
}

// add sums a block up as the judge does: from since on.
func (es *endpoints) add(block []analysis.EndpointCounts, since time.Time) {
	if len(block) == 0 {
		return
	}
	if len(es.sums) != len(block) || !es.since.Equal(since) {
		es.since, es.sums = since, make([]analysis.EndpointCounts, len(block))
	}
	for i, k := range block {
		es.sums[i].Endpoint = k.Endpoint
		es.sums[i].Counts = es.sums[i].Add(k.Counts)
	}
}

// figures are the sums for the record.
func (es *endpoints) figures() []map[string]any {
	var out []map[string]any
	for _, k := range es.sums {
		if k.Endpoint != "" {
			out = append(out, map[string]any{"endpoint": k.Endpoint, "requests": k.Requests, "failed": k.Failed})
		}
	}
	return out
}

// byEndpoint fills in b what ended at each endpoint of w. Nobody stands beside stable.
func (c *Controller) byEndpoint(s *service, w *watched, b *analysis.Block) {
	if w.arm.Stable {
		w.endpoints.seen = nil
		return
	}
	deltas := w.endpoints.take(c.traffic, s.name, w.arm.Version)
	if b.CanaryAll.Failed == b.Canary.Failed {
		b.Endpoints = deltas
	}
}

// expel takes the endpoint out that the verdict is against: first that, then the record.
// Then the version is judged anew, by what its other endpoints do. It is not condemned for
// the endpoint even if that has to stay in service.
func (c *Controller) expel(s *service, w *watched, now time.Time) {
	m := s.guard.member(w.arm.Version)
	if m == nil || m.state != config.Active && m.state != config.Draining {
		return
	}
	v := w.verdict
	expelled, err := c.traffic.Expel(s.name, m.name, v.Endpoint, "fails where the version's other endpoints do not")
	in := input{at: now, what: endpointWasOut, version: m.name}
	switch {
	case expelled:
		in.what = endpointOut
	case err != nil:
		in.what = endpointStays
	}
	c.step(s, in, facts{verdict: v, endpoints: w.endpoints.figures(), stays: err})
}

// oneEndpoint acts on proof against one endpoint of m.
func oneEndpoint(m *member, in input) []action {
	forget := action{do: doForget, version: m.name}
	switch in.what {
	case endpointOut:
		return []action{{do: doEject, version: m.name}, forget}
	case endpointStays:
		return append(m.notice(in.at, topicEndpoint), forget)
	}
	return []action{forget}
}

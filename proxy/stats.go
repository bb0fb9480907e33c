package proxy

import "sync/atomic"

// Stats since the start, but for Connections and Tunnels, which are now.
type Stats struct {
	Connections  map[string]int64  // by listener address
	Refused      map[string]uint64 // requests and connections refused before routing, by reason
	Unrouted     uint64            // no route
	Mirrors      []MirrorCount
	Comparisons  []MirrorCount // requests whose answers were to be compared, by result: equal, different, noise_equal, dropped_…, skipped_…
	Differences  []MirrorCount // comparisons with a difference of a kind, as Result: status, header, missing, …
	LogDropped   uint64        // access-log lines
	Tunnels      int64         // open now
	BrokenBodies uint64        // answers cut short after they had been counted as good: longer than a second
	Panics       uint64        // recovered; each closed its connection
	AcceptErrors uint64        // transient failures to accept
}

// MirrorCount counts copies by result: sent, failed, dropped, skipped, …
type MirrorCount struct {
	Service, Version, Result string
	Count                    uint64
}

// refusals are all reasons a request can be refused for, so that counting one
// is a look-up in a map that never changes. Never written.
var refusals = []*refusal{
	refuseLine, refuseMethod, refuseConnect, refuseTarget, refuseLongTarget, refuseVersion, refuseBareLF,
	refuseFold, refuseName, refuseValue, refuseCount, refuseSize, refuseLength, refuseEncoding, refuseBoth,
	refuseHost, refuseAuthority, refuseExpect, refuseRawPath, refuseChunk, refuseTooLarge, refuseSlowHead,
	refuseSlowBody, refuseConnections, refuseHandshake, refusePreamble, refuseSender,
}

// Refusals of connections; never written.
var (
	refuseConnections = &refusal{503, "max_connections"}
	refuseHandshake   = &refusal{400, "tls_handshake"}
)

type counters struct {
	refused      map[string]*atomic.Uint64 // filled by New, then only read
	unrouted     atomic.Uint64
	tunnels      atomic.Int64
	broken       atomic.Uint64
	panics       atomic.Uint64
	acceptErrors atomic.Uint64
}

func (c *counters) refuse(r *refusal) {
	if n := c.refused[r.reason]; n != nil {
		n.Add(1)
	}
}

// Stats are the data plane's own counters.
func (s *Server) Stats() Stats {
	st := Stats{
		Connections:  make(map[string]int64),
		Refused:      make(map[string]uint64),
		Unrouted:     s.counts.unrouted.Load(),
		Mirrors:      s.mirrors.counts(),
		Comparisons:  s.mirrors.comparer.results.counts(),
		Differences:  s.mirrors.comparer.kinds.counts(),
		LogDropped:   s.log.Dropped(),
		Tunnels:      s.counts.tunnels.Load(),
		BrokenBodies: s.counts.broken.Load(),
		Panics:       s.counts.panics.Load(),
		AcceptErrors: s.counts.acceptErrors.Load(),
	}
	for reason, n := range s.counts.refused {
		st.Refused[reason] = n.Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		st.Connections[k.address] = k.conns.Load()
	}
	return st
}

package router

import (
	"sluice/analysis"
	"sluice/config"
	"sluice/upstream"

	"github.com/cespare/xxhash/v2"
)

// Why says how a version was chosen.
type Why uint8

// Reasons of a choice.
const (
	ByWeight Why = iota
	BySticky
	ByRule
	ByFallback // the version chosen may not be used
	ByProbe    // a tripped version is tried again
	ByPreview  // a tester's request, sent to the candidate
)

func (w Why) String() string {
	switch w {
	case BySticky:
		return "sticky"
	case ByRule:
		return "rule"
	case ByFallback:
		return "fallback"
	case ByProbe:
		return "probe"
	case ByPreview:
		return "preview"
	}
	return "weight"
}

// Choice is a version for one request.
type Choice struct {
	Version *Version
	Pool    *upstream.Pool
	Index   int
	Why     Why
	Shield  bool     // a failure is to be answered by stable, if the request is replayable
	NewKey  [22]byte // sticky key to set as a cookie, if SetKey
	SetKey  bool

	user   uint64    // hash of the sticky key; 0: none
	ruled  bool      // a rule sent the request, whoever answers it; or it is a preview
	exempt bool      // not judged
	trial  *standing // of a probe: the standing that it was let through by
	began  int64     // of a probe: its place in trial
}

// mintTries bounds the search for a key that is not on a draining version.
const mintTries = 32

// Pick chooses a version for r: rules, then sticky key, then weights; if the
// one chosen may not be used, stable, else the best usable one (highest weight,
// then file order), else stable all the same. It never returns a nil version.
// It takes a Choice to fill so as not to allocate. Safe for concurrent use.
//
// A draining version keeps the users whose cookie it had before: their key
// stays in the hash at the weight the version has. A new key is made so that it
// is not on a draining version; the user who would have been gets one that leads to stable.
func (s *Service) Pick(r *Request, c *Choice) {
	d := s.Split.now.Load()
	*c = Choice{}
	var buf keyBuffer
	key := s.Policy.Sticky.key(r, &buf)
	if key == nil && s.Policy.Sticky.Cookie != "" {
		s.pickNew(r, d, c)
		return
	}
	if key != nil {
		c.user = xxhash.Sum64(key)
	}
	i, why := s.choose(r, d, key)
	s.settle(r, d, c, i, why, s.keeps(why))
}

// keeps reports whether a version chosen so keeps its user although it is draining.
func (s *Service) keeps(why Why) bool { return why == BySticky && s.Policy.Sticky.Cookie != "" }

// choose follows rules, key and weights, whatever the versions' states.
func (s *Service) choose(r *Request, d *division, key []byte) (int, Why) {
	for n := range s.rules {
		if ru := &s.rules[n]; ru.matches(r) && ru.takes(key, mix(r.Rand, uint64(n)+1)) {
			return ru.to, ByRule
		}
	}
	if key != nil {
		return s.rendezvous(d, key), BySticky
	}
	return d.draw(mix(r.Rand, 0)), ByWeight
}

// pickNew chooses with a fresh client key, which the client keeps as a cookie,
// unless no key was found that stays off draining versions: then it asks again
// with its next request.
func (s *Service) pickNew(r *Request, d *division, c *Choice) {
	refuge := -1
	for range mintTries {
		mint(&c.NewKey)
		i, why := s.choose(r, d, c.NewKey[:])
		draining := why == BySticky && s.Versions[i].State() == config.Draining
		if !draining && (refuge < 0 || i == refuge || why == ByRule) {
			s.settle(r, d, c, i, why, false)
			c.SetKey = true
			return
		}
		if refuge < 0 {
			refuge = s.fallback(d)
			if d.bp[refuge] == 0 || s.Versions[refuge].State() == config.Draining {
				break // no key leads there, or none should
			}
		}
	}
	c.NewKey = [22]byte{}
	s.settle(r, d, c, refuge, ByFallback, false)
}

// settle fills c with version i, or with who stands in for it. kept says that
// the client has been on i by its cookie.
func (s *Service) settle(r *Request, d *division, c *Choice, i int, why Why, kept bool) {
	c.ruled = why == ByRule
	st := s.Versions[i].standing.Load()
	switch {
	case st == nil && s.Pools[i].Usable():
	case st != nil && st.probing && st.admits(r) && s.Pools[i].Usable() && st.takeProbe(c, s.Policy.probeLease()):
		why = ByProbe
	default:
		i, why = s.standIn(d, i, why, kept)
	}
	c.Version, c.Pool, c.Index, c.Why = s.Versions[i], s.Pools[i], i, why
	c.Shield = why == ByProbe || s.Shield[i] && i != d.stable
}

// standIn is version i, or who answers for it.
func (s *Service) standIn(d *division, i int, why Why, kept bool) (int, Why) {
	st := s.Versions[i].standing.Load()
	if (st == nil || st.state == config.Draining && kept) && s.Pools[i].Usable() {
		return i, why
	}
	return s.instead(d, i, why)
}

// instead is who answers for i, which may not be used. It is i again if nobody else can.
func (s *Service) instead(d *division, i int, why Why) (int, Why) {
	j := s.fallback(d)
	if j == i {
		return i, why
	}
	return j, ByFallback
}

// fallback is stable if it may be used, else who stands by for it, else the best version that may, else stable.
func (s *Service) fallback(d *division) int {
	if s.usable(d.stable) {
		return d.stable
	}
	if i := s.standby(d.stable); i >= 0 && s.usable(i) {
		return i
	}
	for _, i := range d.ranked {
		if s.usable(i) {
			return i
		}
	}
	return d.stable
}

// usable reports whether any request may be sent to version i.
func (s *Service) usable(i int) bool {
	return s.Versions[i].State() == config.Active && s.Pools[i].Usable()
}

// Stable is the index of the version that is stable now.
func (s *Service) Stable() int { return s.Split.now.Load().stable }

// Shares is what each version gets now, 0..1, by Versions index: the weights,
// with the share of a version that may not be used given to who stands in for
// it. It holds for traffic by chance and for new keys; rules, probes and the
// users that a draining version keeps are not in it.
func (s *Service) Shares() []float64 {
	d := s.Split.now.Load()
	bp := make([]int, len(d.bp))
	for i, w := range d.bp {
		if w > 0 && !s.usable(i) {
			i = s.fallback(d)
		}
		bp[i] += w
	}
	shares := make([]float64, len(bp))
	for i, w := range bp {
		shares[i] = float64(w) / fullBP
	}
	return shares
}

// Alternative fills c with the stable version for a request that failed on
// c.Version (shield). It reports false if stable is c.Version or may not be used,
// or the shield's budget is spent; c is then as it was. It costs a permit of
// stable's ShieldBudget: others' failures add a fifth to its load at most, or 10
// requests a second. now is analysis.Now. The first attempt is finished with the
// choice as it was before, so call Finish first, or on a copy.
func (s *Service) Alternative(c *Choice, now int64) bool {
	i := s.Stable()
	if i == c.Index || !s.usable(i) || !s.Versions[i].ShieldBudget.Allow(now) {
		return false
	}
	c.Version, c.Pool, c.Index, c.Why, c.Shield = s.Versions[i], s.Pools[i], i, ByFallback, false
	c.trial, c.began = nil, 0
	return true
}

// Compared reports whether what becomes of the first attempt is compared, of versions
// and of endpoints: split traffic, not what a rule or a preview sent, no probe, nothing exempt.
func (c *Choice) Compared() bool { return !c.ruled && c.Why != ByProbe && !c.exempt }

// recorder is where the request is counted: what a rule sent, and probes, must
// not enter the comparison with stable.
func (c *Choice) recorder() *analysis.Recorder {
	if c.ruled || c.Why == ByProbe {
		return &c.Version.Ruled
	}
	return &c.Version.Split
}

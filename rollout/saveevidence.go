package rollout

import "time"

const (
	evidenceShare = 50 // evidence is encoded for at most one part in so many of the time
	evidenceBatch = 64 // services that are encoded under one hold of the lock

	// Evidence is never older than that on disk, however long encoding took: a process that was stopped meanwhile
	// must not believe that it takes an hour.
	evidenceMost = 5 * time.Minute
)

// evidencePace says when evidence is encoded anew. That of ten thousand busy services takes long enough to be felt, and
// neither a decision that must be on disk soon nor the next second may wait for it. The zero value encodes at once.
type evidencePace struct {
	ended time.Time     // the last time
	took  time.Duration // that time
	last  bool          // nothing is weighed any more: each save has it all
}

func (p evidencePace) due(now time.Time) bool {
	since := now.Sub(p.ended)
	return p.last || since < 0 || since >= min(evidenceShare*p.took, evidenceMost) // a clock set back must not stop it
}

// saveEvidence asks for a save if only evidence has changed since the last. It reports false where it is too early for that.
func (c *Controller) saveEvidence(now time.Time) bool {
	c.mu.Lock()
	weighed, due := c.weighed, c.pace.due(now)
	c.mu.Unlock()
	if weighed && due {
		c.saver.kick()
	}
	return due
}

// encodeEvidence brings what is saved of the judges up to what they know, unless it is too early for that:
// then what was saved last stands for it, which is evidence as well. The saver calls it.
func (c *Controller) encodeEvidence() {
	begun := time.Now()
	c.mu.Lock()
	services, due := c.ordered, c.pace.due(begun)
	if due {
		c.weighed = false
	}
	c.mu.Unlock()
	if !due {
		return
	}
	for len(services) > 0 {
		n := min(evidenceBatch, len(services))
		c.mu.Lock()
		for _, s := range services[:n] {
			for _, w := range s.versions {
				w.encode()
			}
		}
		c.mu.Unlock()
		services = services[n:]
	}
	c.mu.Lock()
	c.pace.ended, c.pace.took = time.Now(), time.Since(begun)
	c.mu.Unlock()
}

package notify

import "sync/atomic"

// Stat counts the notes of one type of target since the start.
type Stat struct {
	Type    string // slack | teams | discord | webhook | cloudevents
	Sent    uint64 // taken by the target
	Failed  uint64 // refused, or not reached after all attempts
	Dropped uint64 // never tried: the queue was full, or the process ended
}

type counts struct{ sent, failed, dropped atomic.Uint64 }

// types of targets, in the order of Stats.
var types = [...]string{typeSlack, typeTeams, typeDiscord, typeWebhook, typeCloudEvents}

// Stats returns the counts of every type of target.
func (s *Sender) Stats() []Stat {
	out := make([]Stat, len(types))
	for i, kind := range types {
		c := s.counts[kind]
		out[i] = Stat{Type: kind, Sent: c.sent.Load(), Failed: c.failed.Load(), Dropped: c.dropped.Load()}
	}
	return out
}

// Suppressed counts notes that were held back, as the same had been told within a minute.
func (s *Sender) Suppressed() uint64 { return s.suppressed.Load() }

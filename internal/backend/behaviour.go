package backend

import (
	"maps"
	"math/rand/v2"
	"time"
)

// Behaviour is how a Server answers. The zero value answers every request at
// once with 200 and a one-line body. /health heeds Unhealthy alone.
type Behaviour struct {
	Status     int               // of good answers; 0: 200
	FailShare  float64           // share of answers, 0..1, that are failures instead, by chance
	FailStatus int               // status of these failures; 0: 500
	Delay      time.Duration     // before each answer; 0: none
	Jitter     time.Duration     // uniformly random addition to Delay; 0: none
	Hang       bool              // no answer until the behaviour is changed, which then holds for it too
	Body       []byte            // nil: a line with the server's name. Not copied: leave it alone afterwards
	Header     map[string]string // further fields; "Connection: close" closes politely after the answer
	CloseConn  bool              // the connection is closed in place of an answer
	Unhealthy  bool              // /health answers 503
}

// episode is a behaviour while it is in force; over is closed when it no longer is.
type episode struct {
	Behaviour
	over chan struct{}
}

func newEpisode(b Behaviour) *episode {
	b.Header = maps.Clone(b.Header)
	return &episode{Behaviour: b, over: make(chan struct{})}
}

func (b *Behaviour) status() int {
	if b.FailShare > 0 && (b.FailShare >= 1 || rand.Float64() < b.FailShare) {
		return or(b.FailStatus, 500)
	}
	return or(b.Status, 200)
}

func (b *Behaviour) wait() time.Duration {
	if b.Jitter <= 0 {
		return b.Delay
	}
	return b.Delay + time.Duration(rand.Int64N(int64(b.Jitter)))
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

package proxy

import (
	"net"
	"time"
)

// sink writes to one connection. Its deadline is armed half as far again as
// wanted and left alone until less than wanted is left, so that a busy
// connection touches the runtime's timers every few seconds.
type sink struct {
	conn    net.Conn
	timeout int64 // of one write, ns
	armed   int64 // when the deadline fires, by analysis.Now; 0: none
}

// write sends all of p. now may be somewhat old, never in the future.
func (s *sink) write(p []byte, now int64) error {
	if err := s.arm(now); err != nil {
		return err
	}
	_, err := s.conn.Write(p)
	return err
}

// arm sees to it that a write that begins now is given its time.
func (s *sink) arm(now int64) error {
	if s.armed-now >= s.timeout {
		return nil
	}
	s.armed = now + s.timeout + s.timeout/2
	return s.conn.SetWriteDeadline(time.Now().Add(time.Duration(s.armed - now)))
}

// disarm takes the deadline away, for a connection that others use next.
func (s *sink) disarm() {
	if s.armed != 0 {
		s.armed = 0
		_ = s.conn.SetWriteDeadline(time.Time{}) // fails on a closed connection only
	}
}

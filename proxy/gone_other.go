//go:build !linux

package proxy

import "net"

// clientGone can't tell on this system: a client's departure is noticed when
// its answer is written.
type clientGone struct{}

func (g *clientGone) init(net.Conn, bool) {}

func (g *clientGone) is() bool { return false }

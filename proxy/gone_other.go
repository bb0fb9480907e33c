//go:build !linux

package proxy

import (
	"net"
	"syscall"
)

// clientGone can't tell on this system: a client's departure is noticed when
// its answer is written.
type clientGone struct{ said bool }

func (g *clientGone) init(net.Conn, bool) {}

func (g *clientGone) watch(syscall.Conn) {}

func (g *clientGone) is() bool { return false }

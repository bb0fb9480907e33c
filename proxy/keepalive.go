package proxy

import (
	"net"
	"time"
)

// keepAlive is how the kernel finds clients that vanished without a word: a
// probe after 15 s of silence and every 15 s from then on; nine without an answer end
// the connection. These are the values that Go gives every connection by itself.
const (
	keepAliveIdle     = 15 * time.Second
	keepAliveInterval = 15 * time.Second
	keepAliveProbes   = 9
)

// keeping says who gives the connections of a socket their keep-alive.
type keeping uint8

const (
	keptByGo     keeping = iota // package net, with four system calls a connection: a socket from systemd or a predecessor
	keptByBirth                 // the listening socket has it, and they should be born with it
	keptForSure                 // one has been seen to be
	keptOneByOne                // they are not: we give it to each
)

// keepAlive sees to it that an accepted connection has keep-alive. Whether options
// are inherited is the kernel's affair (Linux does, what stands in for it in a sandbox may not),
// so the first connection is asked. Only the accept loop calls it.
func (k *socket) keepAlive(nc net.Conn) {
	if k.keeps == keptByGo || k.keeps == keptForSure {
		return
	}
	tc, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	if k.keeps == keptByBirth {
		if k.keeps = keptForSure; hasKeepAlive(tc) {
			return
		}
		k.keeps = keptOneByOne
	}
	// An error means that the client has left again, which the first read will tell.
	_ = tc.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveProbes})
}

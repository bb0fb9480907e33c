package proxy

import (
	"context"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listenTCP opens a TCP socket whose accepted connections get nothing from package net but
// TCP_NODELAY: endow gives them keep-alive. It is not Multipath TCP, which package net
// asks for otherwise: every plain connection to such a socket would pay for a state that is thrown away, and
// options are not inherited there. Nor has it TCP_DEFER_ACCEPT, which would spare a wait for the
// first bytes: a client that connects and waits would be neither counted nor turned away
// at the limit, and one whose request comes late would cost the network a repeated handshake.
func listenTCP(address string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	return lc.Listen(context.Background(), "tcp", address)
}

// endow gives a listening socket of our own the keep-alive that its connections are to be born with.
func endow(ln net.Listener) keeping {
	l, ok := ln.(*net.TCPListener)
	if !ok {
		return keptByGo // a Unix socket has none
	}
	keeps := keptOneByOne
	withSocket(l, func(fd int) {
		for _, o := range keepAliveOptions() {
			if unix.SetsockoptInt(fd, o.level, o.name, o.value) != nil {
				return
			}
		}
		keeps = keptByBirth
	})
	return keeps
}

func hasKeepAlive(tc *net.TCPConn) bool {
	has := false
	withSocket(tc, func(fd int) {
		for _, o := range keepAliveOptions() {
			if value, err := unix.GetsockoptInt(fd, o.level, o.name); err != nil || value != o.value {
				return
			}
		}
		has = true
	})
	return has
}

type socketOption struct{ level, name, value int }

func keepAliveOptions() []socketOption {
	return []socketOption{
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAliveIdle / time.Second)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepAliveInterval / time.Second)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveProbes},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
	}
}

func withSocket(sc syscall.Conn, f func(fd int)) {
	if raw, err := sc.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) }) // an error: closed, and f was not called
	}
}

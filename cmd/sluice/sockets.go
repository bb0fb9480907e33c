package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// sockets are the listening sockets that the process was given when it began: by
// systemd, or by the process that it takes over from. A listener whose address one
// of them has uses it instead of opening its own. The zero value holds none. Safe for concurrent use.
type sockets struct {
	mu    sync.Mutex
	given []*givenSocket
}

// givenSocket is one of them.
type givenSocket struct {
	file    *os.File
	name    string // what systemd calls it; "" if there is no name
	address string // of the configuration of the process that had it; "": known by its own address
	// lasting sockets stay open as long as the process lives, whether a listener uses them or
	// not: they are systemd's, and an address once let go of could not be opened again.
	lasting bool
	taken   bool
}

// inherit returns a listener on the socket given for a configured address, or
// nil if there is none. Whoever gets it closes it.
func (s *sockets) inherit(address string) (net.Listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.find(address)
	if g == nil {
		return nil, nil
	}
	ln, err := net.FileListener(g.file) // on a copy of the descriptor
	if err != nil {
		return nil, fmt.Errorf("inherited socket %s: %w", g.name, err)
	}
	g.taken = true
	if g.lasting {
		return ln, nil
	}
	s.drop(g) // closing ln leaves the file of a Unix socket until begun says otherwise
	return ln, nil
}

// find prefers the socket that had the very same address in the configuration
// before, which also tells several on port 0 apart.
func (s *sockets) find(address string) *givenSocket {
	for _, g := range s.given {
		if g.address == address {
			return g
		}
	}
	for _, g := range s.given {
		if g.address == "" && g.listensAt(address) {
			return g
		}
	}
	return nil
}

// listensAt reports whether the socket is what opening address would give.
func (g *givenSocket) listensAt(address string) bool {
	ln, err := net.FileListener(g.file)
	if err != nil {
		return false
	}
	defer ln.Close()
	switch at := ln.Addr().(type) {
	case *net.UnixAddr:
		return address == "unix:"+at.Name
	case *net.TCPAddr:
		want, err := net.ResolveTCPAddr("tcp", address)
		if err != nil || want.Port != at.Port {
			return false
		}
		if want.IP == nil { // all addresses
			return at.IP.IsUnspecified()
		}
		return want.IP.Equal(at.IP) && want.Zone == at.Zone
	}
	return false
}

func (s *sockets) drop(g *givenSocket) {
	_ = g.file.Close() // a copy is in use, or nobody wants it
	for i, other := range s.given {
		if other == g {
			s.given = append(s.given[:i], s.given[i+1:]...)
			return
		}
	}
}

// add gives a socket to whoever inherits its address next.
func (s *sockets) add(g *givenSocket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given = append(s.given, g)
}

// lastingAt reports whether the socket of a configured address is systemd's.
func (s *sockets) lastingAt(address string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.find(address)
	return g != nil && g.lasting
}

// lasting are systemd's.
func (s *sockets) lasting() (all []*givenSocket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.given {
		if g.lasting {
			all = append(all, g)
		}
	}
	return all
}

// settle closes what the configuration has no use for, and tells of lasting
// sockets that nobody uses: clients that connect there wait in vain.
func (s *sockets) settle(logger *slog.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range append([]*givenSocket(nil), s.given...) {
		switch {
		case !g.lasting:
			s.drop(g)
		case !g.taken:
			logger.Warn("inherited socket is not used: no listener of the configuration has its address", "name", g.name, "address", g.where())
		}
	}
}

func (g *givenSocket) where() string {
	ln, err := net.FileListener(g.file)
	if err != nil {
		return "unknown"
	}
	defer ln.Close()
	if at, ok := ln.Addr().(*net.UnixAddr); ok {
		return "unix:" + at.Name
	}
	return ln.Addr().String()
}

// unlinks says whether closing a Unix socket removes its file.
func unlinks(ln net.Listener, remove bool) {
	if u, ok := ln.(*net.UnixListener); ok && !strings.HasPrefix(u.Addr().String(), "@") {
		u.SetUnlinkOnClose(remove)
	}
}

// listening makes a file of an inherited descriptor, if it is a stream socket that
// listens. It is closed on exec from then on.
func listening(fd int, name string) (*os.File, error) {
	unix.CloseOnExec(fd)
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return nil, fmt.Errorf("inherited descriptor %d (%s): %w", fd, name, err)
	}
	accepts, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || kind != unix.SOCK_STREAM || accepts == 0 {
		return nil, fmt.Errorf("inherited descriptor %d (%s): want a stream socket that listens (ListenStream=, Accept=no)", fd, name)
	}
	return os.NewFile(uintptr(fd), name), nil
}

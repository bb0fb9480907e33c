package upstream

import (
	"errors"
	"syscall"
)

// Exhausted reports whether a connection could not be made for want of
// something of this machine's: descriptors, ports, memory. That speaks against no version.
func Exhausted(err error) bool {
	for _, local := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, local) {
			return true
		}
	}
	return false
}

// lends reports whether requests are at the endpoint that do not race for a connection: they
// have one, which they may give back.
func (e *Endpoint) lends() bool { return e.InFlight() > e.racers.n.Load() }

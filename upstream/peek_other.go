//go:build !unix

package upstream

import "net"

// peek knows no way to look at a socket here: the idle timeout alone keeps
// connections from going stale.
type peek struct{}

func (*peek) init(*net.TCPConn) {}
func (*peek) silent() bool      { return true }

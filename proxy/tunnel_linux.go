package proxy

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// limitStall lets the kernel break a socket once bytes written to it have not been
// taken for d (TCP_USER_TIMEOUT, tcp(7)). A tunnel needs it for the side that has
// ended: whoever then neither reads nor leaves would hold both connections for
// ever, and a write deadline could not tell a slow reader from one that stopped. Not
// before, because it stands in for keep-alive, which finds dead peers sooner.
func limitStall(socket any, d time.Duration) {
	sc, ok := socket.(syscall.Conn)
	if !ok || d <= 0 {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	ms := int(min(d.Milliseconds(), 1<<31-1))
	_ = raw.Control(func(fd uintptr) { // best effort: a Unix socket has no such option
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
	})
}

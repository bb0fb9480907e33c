package proxy

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// canRest says whether untilReadable works here.
const canRest = true

// untilReadable returns a function that waits until nc has something to read, or its end or an error,
// none of which it takes. The read deadline of nc ends the wait, as it does a read.
func untilReadable(nc net.Conn) (func() error, error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	var buf [1]byte
	look := func(fd uintptr) bool {
		_, _, err := unix.Recvfrom(int(fd), buf[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return err != unix.EAGAIN && err != unix.EINTR
	}
	return func() error { return raw.Read(look) }, nil
}

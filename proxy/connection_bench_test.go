package proxy

import (
	"net"
	"strings"
	"syscall"
	"testing"
)

// A connection for each request: what opening and closing one costs. The client's side is
// bare system calls, so that what is allocated is the proxy's.
func BenchmarkConnection(b *testing.B) {
	w := plainWorld(b)
	to := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: w.server.Addresses()[0].(*net.TCPAddr).Port}
	request, buf := []byte(strings.Replace(browserHead, "keep-alive", "close", 1)), make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			b.Fatal(err)
		}
		if err := syscall.Connect(fd, to); err != nil {
			b.Fatal(err)
		}
		if _, err := syscall.Write(fd, request); err != nil {
			b.Fatal(err)
		}
		for n := 1; n > 0; {
			if n, err = syscall.Read(fd, buf); err != nil {
				b.Fatal(err)
			}
		}
		if err := syscall.Close(fd); err != nil {
			b.Fatal(err)
		}
	}
}

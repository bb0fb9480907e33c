//go:build !race

// Under the race detector a sync.Pool forgets at random.

package proxy

import (
	"net"
	"testing"
)

// A plain request allocates nothing, from accept to access log apart.
func TestPlainExchangeAllocatesNothing(t *testing.T) {
	w := plainWorld(t)
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	request, buf := []byte(browserHead), make([]byte, 4096)
	for range 100 {
		roundTrip(t, nc, request, buf)
	}
	// The pools may be emptied by a collection while this runs: a little is let pass.
	if n := testing.AllocsPerRun(2000, func() { roundTrip(t, nc, request, buf) }); n >= 1 {
		t.Errorf("%v allocations a request", n)
	}
}

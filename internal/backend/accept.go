package backend

import (
	"net"
	"sync"
	"sync/atomic"
)

// acceptor accepts connections, gives each a goroutine, and ends them all in close.
type acceptor struct {
	ln       net.Listener
	serve    func(net.Conn)
	accepted atomic.Uint64

	goroutines sync.WaitGroup
	mu         sync.Mutex
	open       map[net.Conn]struct{} // nil: closed
}

func listen(address string) (*acceptor, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &acceptor{ln: ln, open: map[net.Conn]struct{}{}}, nil
}

func (a *acceptor) start(serve func(net.Conn)) {
	a.serve = serve
	a.goroutines.Go(a.loop)
}

func (a *acceptor) loop() {
	for {
		c, err := a.ln.Accept()
		if err != nil {
			return
		}
		if !a.add(c) {
			c.Close()
			return
		}
		a.accepted.Add(1)
		a.goroutines.Go(func() {
			defer a.remove(c)
			a.serve(c)
		})
	}
}

func (a *acceptor) add(c net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		return false
	}
	a.open[c] = struct{}{}
	return true
}

func (a *acceptor) remove(c net.Conn) {
	c.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, c)
}

func (a *acceptor) connections() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open)
}

// close ends everything at once, as the death of a process would, and waits
// for the goroutines.
func (a *acceptor) close() {
	a.ln.Close()
	a.closeConnections(true)
	a.goroutines.Wait()
}

func (a *acceptor) closeConnections(final bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range a.open {
		c.Close()
	}
	if final {
		a.open = nil
	}
}

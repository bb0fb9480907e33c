package proxy

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
)

// One side of a tunnel ends and reads no more: the other can't hold both for ever.
func TestHalfClosedTunnelWithoutReaderEnds(t *testing.T) {
	o, stopped := flood(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	sv := single(o)
	sv.more = `{"Timeouts":{"Tunnel":200000000,"Connect":1000000000,"Response":1000000000}}`
	w := start(t, sv, Settings{})
	c := w.dial().send("%s", upgradeRequest)
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	within(t, "the upstream is let go", stopped)
	await(t, "the tunnel is over", func() bool { return w.server.Stats().Tunnels == 0 })
}

// An idle tunnel holds its two sockets and nothing else, before bulk and after it.
func TestIdleTunnelHoldsTwoDescriptors(t *testing.T) {
	const n, size = 8, 4 << 20
	w := start(t, tunnelTo(t, false, func(nc net.Conn, r io.Reader) {
		_, _ = io.CopyBuffer(struct{ io.Writer }{nc}, struct{ io.Reader }{r}, make([]byte, 64<<10)) // not with a pipe
	}), Settings{})
	body, before := noise(size), descriptors(t)
	var clients []*client
	for range n {
		clients = append(clients, w.upgraded(mustDial(t, w.addr)))
	}
	look := func(what string, pipes int) {
		t.Helper()
		// Of each tunnel the proxy has two, and the test.
		await(t, what, func() bool { return descriptors(t) <= before+4*n+2*pipes })
	}
	for _, c := range clients {
		reads(t, c.send("x"), []byte("x"))
	}
	look("idle after a message", 0)
	for _, c := range clients {
		go func() { _, _ = c.Write(body) }() // the reading tells
		reads(t, c, body)
	}
	w.wantNoPipeInUse()
	open, _ := w.pipesAre()
	if open == 0 || open > idlePipes {
		t.Errorf("%d pipes are kept", open)
	}
	look("idle after bulk", open)
}

func reads(t *testing.T, c *client, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c.br, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got something else, %v", err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

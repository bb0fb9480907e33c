package proxy

import (
	"net"
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

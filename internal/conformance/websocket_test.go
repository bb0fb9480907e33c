package conformance

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const webSocketPart = "WebSocket (RFC 6455)"

// startWebSocket is an origin on net/http that shakes hands as RFC 6455 says and
// then gives the connection to serve. It has ended when the test has.
func startWebSocket(t *testing.T, serve func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Connection"), "upgrade") || r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Sec-Websocket-Version") != "13" {
			http.Error(w, "no WebSocket", http.StatusUpgradeRequired)
			return
		}
		sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(4 * patience))
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
			base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n") // a client that left fails in serve
		serve(conn, rw.Reader)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// echoFrames sends each frame back as it came, and answers pings.
func echoFrames(conn net.Conn, br *bufio.Reader) {
	for {
		f, err := readFrame(br)
		if err != nil {
			return
		}
		if f.opcode == wsPing {
			f.opcode = wsPong
		}
		if _, err := conn.Write(f.append(nil, false)); err != nil || f.opcode == wsClose {
			return
		}
	}
}

// openWebSocket shakes hands through sluice. early is sent with the request, before the answer.
func openWebSocket(t *testing.T, address string, early []byte) *client {
	t.Helper()
	c := dial(t, address)
	_ = c.SetDeadline(time.Now().Add(4 * patience))
	c.send("%s", "GET /chat HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"+string(early))
	a := c.receive("GET")
	if a.status != 101 || a.header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("no handshake: %s", a.head)
	}
	return c
}

// sendFrames writes on a goroutine of its own: an echo comes while it sends.
func sendFrames(c *client, frames ...frame) {
	var b []byte
	for i := range frames {
		b = frames[i].append(b, true)
	}
	go func() { _, _ = c.Write(b) }() // what did not arrive is missed by who reads the echo
}

func wantFrames(t *testing.T, c *client, frames ...frame) {
	t.Helper()
	for i, want := range frames {
		got, err := readFrame(c.br)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if got.final != want.final || got.opcode != want.opcode || !bytes.Equal(got.payload, want.payload) {
			t.Fatalf("frame %d: final %v, opcode %d, %d bytes; want %v, %d, %d bytes", i, got.final, got.opcode, len(got.payload), want.final, want.opcode, len(want.payload))
		}
	}
}

func noise(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = r.Read(b) // it never fails
	return b
}

func TestWebSocketEcho(t *testing.T) {
	address, _ := boot(t, startWebSocket(t, echoFrames), "")
	for _, tt := range []struct {
		name   string
		frames []frame
	}{
		{"a text", []frame{{true, wsText, []byte("hello")}}},
		{"nothing", []frame{{true, wsBinary, nil}}},
		{"lengths at their limits", []frame{{true, wsBinary, noise(125)}, {true, wsBinary, noise(126)}, {true, wsBinary, noise(65535)}, {true, wsBinary, noise(65536)}}},
		{"a message in fragments", []frame{{false, wsText, []byte("a")}, {false, wsContinuation, []byte("b")}, {true, wsContinuation, []byte("c")}}},
		{"fragments of nothing", []frame{{false, wsText, nil}, {false, wsContinuation, nil}, {true, wsContinuation, nil}}},
		{"16 MB in one frame", []frame{{true, wsBinary, noise(16 << 20)}}},
		{"16 MB in fragments of 64 KiB", fragments(noise(16<<20), 64<<10)},
		{"10,000 frames of a byte", fragments(noise(10_000), 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			scored(t, webSocketPart)
			c := openWebSocket(t, address, nil)
			sendFrames(c, tt.frames...)
			wantFrames(t, c, tt.frames...)
			sendFrames(c, frame{true, wsClose, []byte{3, 232}})
			wantFrames(t, c, frame{true, wsClose, []byte{3, 232}})
			c.closed()
		})
	}
}

// fragments splits one message.
func fragments(message []byte, size int) []frame {
	var all []frame
	for at := 0; at < len(message); at += size {
		end := min(at+size, len(message))
		f := frame{end == len(message), wsContinuation, message[at:end]}
		if at == 0 {
			f.opcode = wsBinary
		}
		all = append(all, f)
	}
	return all
}

// Control frames may stand between the fragments of a message (RFC 6455, 5.4).
func TestWebSocketControlBetweenFragments(t *testing.T) {
	scored(t, webSocketPart)
	address, _ := boot(t, startWebSocket(t, echoFrames), "")
	c := openWebSocket(t, address, nil)
	sendFrames(c, frame{false, wsText, []byte("a")}, frame{true, wsPing, []byte("?")}, frame{true, wsContinuation, []byte("b")})
	wantFrames(t, c, frame{false, wsText, []byte("a")}, frame{true, wsPong, []byte("?")}, frame{true, wsContinuation, []byte("b")})
}

// A byte at a time each way: no side waits for more.
func TestWebSocketByteByByte(t *testing.T) {
	scored(t, webSocketPart)
	address, _ := boot(t, startWebSocket(t, echoFrames), "")
	c := openWebSocket(t, address, nil)
	hello := frame{true, wsText, []byte("hello")}
	for _, b := range hello.append(nil, true) {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	wantFrames(t, c, hello)
}

// Frames that come with the request, before the handshake is answered, are not lost.
func TestWebSocketEarlyFrames(t *testing.T) {
	scored(t, webSocketPart)
	address, _ := boot(t, startWebSocket(t, echoFrames), "")
	early := frame{true, wsText, []byte("early")}
	c := openWebSocket(t, address, early.append(nil, true))
	wantFrames(t, c, early)
}

// A client that ends its sending side still gets what the origin has to say.
func TestWebSocketHalfCloseOfTheClient(t *testing.T) {
	scored(t, webSocketPart)
	said := frame{true, wsBinary, noise(1 << 20)}
	address, _ := boot(t, startWebSocket(t, func(conn net.Conn, br *bufio.Reader) {
		n, err := io.Copy(io.Discard, br) // to the end of what the client sends
		if n != 11 || err != nil {
			t.Errorf("the origin read %d bytes, %v", n, err)
		}
		_, _ = conn.Write(said.append(nil, false)) // the client's reading tells
	}), "")
	c := openWebSocket(t, address, nil)
	hello := frame{true, wsText, []byte("hello")}
	if _, err := c.Write(hello.append(nil, true)); err != nil {
		t.Fatal(err)
	}
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	wantFrames(t, c, said)
	c.closed()
}

// An origin that ends its sending side still gets what the client has to say.
func TestWebSocketHalfCloseOfTheOrigin(t *testing.T) {
	scored(t, webSocketPart)
	heard := make(chan []byte, 1)
	address, _ := boot(t, startWebSocket(t, func(conn net.Conn, br *bufio.Reader) {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Error(err)
		}
		b, err := io.ReadAll(br)
		if err != nil {
			t.Errorf("the origin got an error: %v", err)
		}
		heard <- b
	}), "")
	c := openWebSocket(t, address, nil)
	c.closed()
	last := frame{true, wsBinary, noise(1 << 20)}
	said := last.append(nil, true)
	if _, err := c.Write(said); err != nil {
		t.Fatal(err)
	}
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; !bytes.Equal(got, said) {
		t.Errorf("the origin heard %d bytes, want %d", len(got), len(said))
	}
}

// A refused handshake is an answer like any other.
func TestWebSocketRefused(t *testing.T) {
	scored(t, webSocketPart)
	address, _ := boot(t, startWebSocket(t, echoFrames), "")
	c := dial(t, address).send("%s", start+"Upgrade: other\r\nConnection: Upgrade\r\n\r\n")
	for range 2 {
		if a := c.receive("GET"); a.status != http.StatusUpgradeRequired {
			t.Errorf("got %s", a.head)
		}
		c.send("%s", start+"\r\n")
	}
}

package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"sluice/config"
)

// maxConnections bounds what strangers can take of the descriptors that the
// proxy in the same process lives on. Connections beyond it are closed.
const maxConnections = 1024

// Listen opens the admin socket as cfg says. An address that others can reach
// needs tls and somebody to tell callers by: tokens or client_ca; loopback and
// Unix sockets need neither. A Unix socket gets mode 0600 and replaces one that
// nobody listens to any more. Certificate files are read again when they change.
func Listen(cfg config.Admin) (net.Listener, error) { return ListenOn(cfg, nil) }

// ListenOn is Listen, but where inherit returns a listener for cfg's address, on a socket that is
// open already, it uses that one under the same conditions. nil: none is open.
func ListenOn(cfg config.Admin, inherit func(address string) (net.Listener, error)) (net.Listener, error) {
	files, err := newCertificates(cfg.TLS)
	if err != nil {
		return nil, fmt.Errorf("admin.tls: %w", err)
	}
	ln, err := open(cfg, inherit)
	if err != nil {
		return nil, fmt.Errorf("admin.address %s: %w", cfg.Address, err)
	}
	l := &listener{Listener: &bounded{Listener: ln}, socket: ln, files: files}
	if files != nil {
		l.Listener = tls.NewListener(l.Listener, files.serverConfig())
	}
	return l, nil
}

// Retarget prepares ln, which Listen opened at cfg's address, to show what cfg.TLS
// names instead, from the next handshake after commit on. An error says why it can't and changes nothing.
func Retarget(ln net.Listener, cfg config.Admin) (commit func(), err error) {
	l, ok := ln.(*listener)
	if !ok || (l.files == nil) != (cfg.TLS == nil) {
		return nil, fmt.Errorf("admin.tls: taking TLS up or laying it down at the same address (%s) needs a restart", cfg.Address)
	}
	if l.files == nil {
		return func() {}, nil
	}
	next, err := newCertificates(cfg.TLS)
	if err != nil {
		return nil, fmt.Errorf("admin.tls: %w", err)
	}
	return func() { l.files.replace(next) }, nil
}

// listener is the admin socket with the certificates it shows (nil: plain text).
type listener struct {
	net.Listener
	socket net.Listener // below all
	files  *certificates
}

// Socket is what ln, which Listen opened, accepts from as the system knows it; nil for another listener.
func Socket(ln net.Listener) net.Listener {
	if l, ok := ln.(*listener); ok {
		return l.socket
	}
	return nil
}

func open(cfg config.Admin, inherit func(string) (net.Listener, error)) (net.Listener, error) {
	path, unix := strings.CutPrefix(cfg.Address, "unix:")
	var addr *net.TCPAddr
	if !unix {
		var err error
		if addr, err = reachable(cfg); err != nil {
			return nil, err
		}
	}
	if inherit != nil {
		if ln, err := inherit(cfg.Address); ln != nil || err != nil {
			return ln, err
		}
	}
	if unix {
		return openUnix(path)
	}
	return net.ListenTCP("tcp", addr)
}

// reachable resolves the address, and refuses one that others can reach unless it is protected.
func reachable(cfg config.Admin) (*net.TCPAddr, error) {
	addr, err := net.ResolveTCPAddr("tcp", cfg.Address)
	if err != nil {
		return nil, err
	}
	if !addr.IP.IsLoopback() {
		if cfg.TLS == nil {
			return nil, errors.New("others can reach this address, so it needs admin.tls; loopback or unix:/path do not")
		}
		if len(cfg.Tokens) == 0 && cfg.TLS.ClientCA == "" {
			return nil, errors.New("others can reach this address, so it needs admin.tokens or admin.tls.client_ca; loopback or unix:/path do not")
		}
	}
	return addr, nil
}

// openUnix sets the mode on the descriptor before the socket gets its name, so
// that (on Linux) no other user can connect in between; chmod does it elsewhere.
func openUnix(path string) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	conf := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) }) // refused where it means nothing
	}}
	ln, err := conf.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

// removeStale removes the socket of a process that ended without doing so.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("a file that is not a socket stands there")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return errors.New("another process listens there")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("a socket stands there that cannot be tried: %w", err)
	}
	return os.Remove(path)
}

// bounded closes connections beyond maxConnections.
type bounded struct {
	net.Listener
	open atomic.Int64
}

// Accept waits for a connection within the bound.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if b.open.Add(1) <= maxConnections {
			return &counted{Conn: conn, open: &b.open}, nil
		}
		b.open.Add(-1)
		conn.Close()
	}
}

// counted gives its place back once.
type counted struct {
	net.Conn
	open   *atomic.Int64
	closed atomic.Bool
}

// Close closes the connection. Safe to call twice.
func (c *counted) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

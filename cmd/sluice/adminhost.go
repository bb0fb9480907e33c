package main

import (
	"context"
	"errors"
	"net"
	"sync"

	"sluice/admin"
	"sluice/config"
)

// adminHost holds the admin socket and replaces it when the file names another
// address or other TLS files. Tokens and roles are read from the configuration in force.
type adminHost struct {
	mu       sync.Mutex
	settings config.Admin
	listener net.Listener
	changed  chan struct{} // closed when listener is replaced
}

// prepare opens the socket that cfg wants, if it is not open already. The
// returned function puts it into force, or (false) gives it back.
func (h *adminHost) prepare(cfg config.Admin) (func(commit bool), error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listener != nil && sameAdminSocket(h.settings, cfg) {
		return func(bool) {}, nil
	}
	ln, err := admin.Listen(cfg)
	if err != nil {
		return nil, err
	}
	return func(commit bool) {
		if !commit {
			_ = ln.Close() // never served; nothing to lose
			return
		}
		h.replace(cfg, ln)
	}, nil
}

func (h *adminHost) replace(cfg config.Admin, ln net.Listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed != nil {
		close(h.changed)
	}
	h.settings, h.listener, h.changed = cfg, ln, make(chan struct{})
}

func (h *adminHost) current() (net.Listener, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.listener, h.changed
}

func (h *adminHost) close() {
	if ln, _ := h.current(); ln != nil {
		_ = ln.Close() // the process is giving up anyway
	}
}

// serveAdmin serves the admin socket in force until ctx ends, moving on to the
// next one when a reload replaces it.
func (a *app) serveAdmin(ctx context.Context) error {
	for {
		ln, changed := a.adminHost.current()
		serving, cancel := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- a.admin.Run(serving, ln) }()
		select {
		case <-changed:
			cancel()
			if err := <-done; err != nil {
				a.logger.Error("admin listener ended", "error", err)
			}
			continue
		case err := <-done:
			cancel()
			if err == nil && ctx.Err() == nil {
				err = errors.New("listener closed")
			}
			return err
		}
	}
}

// sameAdminSocket reports whether b can be served by the socket opened for a.
func sameAdminSocket(a, b config.Admin) bool {
	if a.Address != b.Address || (a.TLS == nil) != (b.TLS == nil) {
		return false
	}
	if a.TLS == nil {
		return true
	}
	return sameTLS(*a.TLS, *b.TLS)
}

package main

import (
	"context"
	"errors"
	"net"
	"sync"

	"sluice/admin"
	"sluice/config"
)

// adminHost holds the admin socket, and replaces it when the file names another
// address. Tokens and roles are read from the configuration in force.
type adminHost struct {
	inherit  func(address string) (net.Listener, error) // of sockets that are open already
	mu       sync.Mutex
	address  string
	listener net.Listener
	served   bool          // listener is serveAdmin's, which closes it
	changed  chan struct{} // closed when listener is replaced
}

// prepare makes ready what cfg wants: the open socket with other certificates,
// or another socket. The returned function puts it into force, or (false) gives it back.
func (h *adminHost) prepare(cfg config.Admin) (func(commit bool), error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listener != nil && h.address == cfg.Address {
		retarget, err := admin.Retarget(h.listener, cfg)
		return func(commit bool) {
			if commit {
				retarget()
			}
		}, err
	}
	ln, err := admin.ListenOn(cfg, h.inherit)
	if err != nil {
		return nil, err
	}
	return func(commit bool) {
		if !commit {
			_ = ln.Close() // never served; nothing to lose
			return
		}
		h.replace(cfg.Address, ln)
	}, nil
}

func (h *adminHost) replace(address string, ln net.Listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed != nil {
		close(h.changed)
	}
	if h.listener != nil && !h.served {
		_ = h.listener.Close() // replaced before serveAdmin came to it
	}
	h.address, h.listener, h.served, h.changed = address, ln, false, make(chan struct{})
}

// take is current for who serves the listener and closes it.
func (h *adminHost) take() (net.Listener, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.served = true
	return h.listener, h.changed
}

func (h *adminHost) current() (net.Listener, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.listener, h.changed
}

// socket is the open socket and its configured address; nil: there is none.
func (h *adminHost) socket() (address string, ln net.Listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listener == nil {
		return "", nil
	}
	return h.address, admin.Socket(h.listener)
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
		ln, changed := a.adminHost.take()
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

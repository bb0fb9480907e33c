package main

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"sluice/config"
	"sluice/proxy"
)

// certificateSet holds the certificates of all TLS listeners, carried over a
// reload where the files are the same ones, and reads the files again when they change.
type certificateSet struct {
	logger *slog.Logger
	mu     sync.Mutex
	byAddr map[string]listenerCertificates
}

type listenerCertificates struct {
	settings config.TLS
	certs    *proxy.Certificates
}

// build loads what cfg's listeners need and returns it with the listeners.
func (s *certificateSet) build(cfg *config.Config) (map[string]listenerCertificates, []proxy.Listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]listenerCertificates{}
	var listeners []proxy.Listener
	for i, l := range cfg.Listeners {
		out := proxy.Listener{Address: l.Address, Preview: l.Preview}
		if l.ProxyProtocol != nil {
			out.Senders = l.ProxyProtocol.Trusted
		}
		if l.TLS != nil {
			held, ok := s.byAddr[l.Address]
			if !ok || !sameTLS(held.settings, *l.TLS) {
				certs, err := proxy.NewCertificates(certificateOptions(*l.TLS))
				if err != nil {
					return nil, nil, fmt.Errorf("listeners[%d].tls: %w", i, err)
				}
				held = listenerCertificates{settings: *l.TLS, certs: certs}
			}
			next[l.Address] = held
			out.TLS = held.certs.Config()
		}
		listeners = append(listeners, out)
	}
	return next, listeners, nil
}

func (s *certificateSet) adopt(next map[string]listenerCertificates) {
	s.mu.Lock()
	s.byAddr = next
	s.mu.Unlock()
}

// refresh reads all certificate files again; a bad file keeps the certificate in force.
func (s *certificateSet) refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for address, held := range s.byAddr {
		if err := held.certs.Reload(); err != nil {
			s.logger.Error("certificate not reloaded, the old one stays", "listener", address, "error", err)
		}
	}
}

func certificateOptions(t config.TLS) proxy.CertificateOptions {
	o := proxy.CertificateOptions{ClientCA: t.ClientCA, MinVersion: t.MinVersion}
	for _, c := range t.Certificates {
		o.Pairs = append(o.Pairs, proxy.CertPair{Cert: c.Cert, Key: c.Key})
	}
	return o
}

func sameTLS(a, b config.TLS) bool {
	return slices.Equal(a.Certificates, b.Certificates) && a.ClientCA == b.ClientCA && a.MinVersion == b.MinVersion
}

package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// CertificateOptions say what a TLS listener shows and asks for.
type CertificateOptions struct {
	Pairs      []CertPair // at least one; the first answers clients that name no host, or an unknown one
	ClientCA   string     // PEM file: clients must show a certificate signed by one of these; "": none is asked for
	MinVersion string     // "1.2" (also "") or "1.3"
}

// CertPair is a pair of PEM files. The certificate's may hold a chain, leaf first.
type CertPair struct{ Cert, Key string }

// Certificates are the certificates of a listener, read again by Reload while
// it serves. Safe for concurrent use.
type Certificates struct {
	options CertificateOptions
	config  *tls.Config
	current atomic.Pointer[certificateSet]
	reload  sync.Mutex
}

// certificateSet is one reading of the files: immutable.
type certificateSet struct {
	byName   map[string][]*tls.Certificate // lower case; wildcards as *.suffix
	first    *tls.Certificate
	notAfter time.Time
	config   *tls.Config
}

// NewCertificates reads the files. Errors name the file.
func NewCertificates(o CertificateOptions) (*Certificates, error) {
	version, err := tlsVersion(o.MinVersion)
	if err != nil {
		return nil, err
	}
	c := &Certificates{options: o}
	// One Config for good: it holds the session tickets' keys, which are
	// used for the Configs that it hands over to as well.
	c.config = &tls.Config{
		MinVersion: version,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load().certificate(h)
		},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.current.Load().config, nil
		},
	}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Config is for a listener, and always the same: a reload shows in the next handshake.
func (c *Certificates) Config() *tls.Config { return c.config }

// Files are all files that Reload reads, to be watched.
func (c *Certificates) Files() []string {
	var files []string
	for _, p := range c.options.Pairs {
		files = append(files, p.Cert, p.Key)
	}
	if c.options.ClientCA != "" {
		files = append(files, c.options.ClientCA)
	}
	return files
}

// NotAfter is when the first of the certificates expires.
func (c *Certificates) NotAfter() time.Time { return c.current.Load().notAfter }

// Reload reads the files again. On an error what is in force stays in force.
// Connections that are open keep what they were opened with.
func (c *Certificates) Reload() error {
	c.reload.Lock()
	defer c.reload.Unlock()
	next, err := c.read()
	if err != nil {
		return err
	}
	c.current.Store(next)
	return nil
}

func (c *Certificates) read() (*certificateSet, error) {
	if len(c.options.Pairs) == 0 {
		return nil, errors.New("no certificate is given")
	}
	s := &certificateSet{byName: map[string][]*tls.Certificate{}}
	for _, p := range c.options.Pairs {
		pair, err := readPair(p)
		if err != nil {
			return nil, err
		}
		s.add(pair)
	}
	s.config = &tls.Config{
		MinVersion:     c.config.MinVersion,
		NextProtos:     c.config.NextProtos,
		GetCertificate: s.certificate,
	}
	if file := c.options.ClientCA; file != "" {
		roots, err := readRoots(file)
		if err != nil {
			return nil, err
		}
		s.config.ClientCAs, s.config.ClientAuth = roots, tls.RequireAndVerifyClientCert
	}
	return s, nil
}

func (s *certificateSet) add(pair *tls.Certificate) {
	leaf := pair.Leaf
	if s.first == nil {
		s.first, s.notAfter = pair, leaf.NotAfter
	}
	if leaf.NotAfter.Before(s.notAfter) {
		s.notAfter = leaf.NotAfter
	}
	names := leaf.DNSNames
	if len(names) == 0 && len(leaf.IPAddresses) == 0 {
		names = []string{leaf.Subject.CommonName}
	}
	for _, name := range names {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		s.byName[name] = append(s.byName[name], pair)
	}
}

// certificate chooses by the name that the client asks for: the exact one, then
// the wildcard above it (one label, RFC 6125), then the first certificate. Of
// several for one name, the first that the client can verify, RSA or ECDSA.
func (s *certificateSet) certificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(strings.TrimSuffix(h.ServerName, "."))
	pairs := s.byName[name]
	if len(pairs) == 0 {
		if _, parent, ok := strings.Cut(name, "."); ok {
			pairs = s.byName["*."+parent]
		}
	}
	if len(pairs) == 0 {
		return s.first, nil
	}
	for _, pair := range pairs[:len(pairs)-1] {
		if h.SupportsCertificate(pair) == nil {
			return pair, nil
		}
	}
	return pairs[len(pairs)-1], nil
}

func readPair(p CertPair) (*tls.Certificate, error) {
	cert, err := os.ReadFile(p.Cert)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	key, err := os.ReadFile(p.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate's key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", p.Cert, p.Key, err)
	}
	if pair.Leaf == nil { // GODEBUG=x509keypairleaf=0
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, fmt.Errorf("certificate %s: %w", p.Cert, err)
		}
	}
	return &pair, nil
}

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("client CA: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("client CA %s: no certificate in it", file)
	}
	return roots, nil
}

func tlsVersion(s string) (uint16, error) {
	switch s {
	case "", "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("TLS version %q, want 1.2 or 1.3", s)
}

package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// issued is a certificate with its key, signed by itself or by another.
type issued struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pair tls.Certificate
}

// issue makes a certificate that can sign others and serve as either end's.
func issue(t *testing.T, by *issued, notAfter time.Time, names ...string) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{cert: cert, key: key, pair: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
}

// store writes the certificate's files, as name.crt and name.key.
func (i *issued) store(t *testing.T, dir, name string) CertPair {
	t.Helper()
	p := CertPair{Cert: filepath.Join(dir, name+".crt"), Key: filepath.Join(dir, name+".key")}
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, p.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw}))
	writeFile(t, p.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return p
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func newCertificates(t *testing.T, o CertificateOptions) *Certificates {
	t.Helper()
	c, err := NewCertificates(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serveTLS answers each connection with one byte and closes it.
func serveTLS(t *testing.T, config *tls.Config) (address string) {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte{'.'})
			conn.Close()
		}
	})
	return ln.Addr().String()
}

// handshake returns what the client saw of a connection on which a byte came.
func handshake(address string, config *tls.Config) (tls.ConnectionState, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	conn, err := tls.DialWithDialer(dialer, "tcp", address, config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	_, err = io.ReadFull(conn, make([]byte, 1))
	return conn.ConnectionState(), err
}

func TestCertificatesByName(t *testing.T) {
	dir, later := t.TempDir(), time.Now().Add(24*time.Hour)
	sooner := later.Add(-time.Hour).Truncate(time.Second)
	o := CertificateOptions{Pairs: []CertPair{
		issue(t, nil, later, "first.example").store(t, dir, "first"),
		issue(t, nil, sooner, "*.shop.example", "shop.example").store(t, dir, "wild"),
		issue(t, nil, later, "pay.shop.example").store(t, dir, "pay"),
	}}
	c := newCertificates(t, o)
	address := serveTLS(t, c.Config())
	tests := []struct{ name, in, want string }{
		{"exact", "shop.example", "*.shop.example"},
		{"wildcard", "www.shop.example", "*.shop.example"},
		{"exact before wildcard", "pay.shop.example", "pay.shop.example"},
		{"upper case", "PAY.Shop.Example", "pay.shop.example"},
		{"one label only", "a.b.shop.example", "first.example"},
		{"unknown", "other.example", "first.example"},
		{"one word", "localhost", "first.example"},
		{"none", "", "first.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state, err := handshake(address, &tls.Config{ServerName: tt.in, InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
			if err != nil {
				t.Fatal(err)
			}
			if got := state.PeerCertificates[0].Subject.CommonName; got != tt.want || state.NegotiatedProtocol != "http/1.1" {
				t.Errorf("got %s by %q, want %s", got, state.NegotiatedProtocol, tt.want)
			}
		})
	}
	if !c.NotAfter().Equal(sooner) {
		t.Errorf("NotAfter is %v, want %v", c.NotAfter(), sooner)
	}
	if got := c.Files(); len(got) != 6 || got[0] != o.Pairs[0].Cert || got[5] != o.Pairs[2].Key {
		t.Errorf("files %v", got)
	}
}

func TestCertificatesReload(t *testing.T) {
	dir, later := t.TempDir(), time.Now().Add(24*time.Hour)
	old, renewed := issue(t, nil, later, "a.example"), issue(t, nil, later, "a.example")
	pair := old.store(t, dir, "a")
	c := newCertificates(t, CertificateOptions{Pairs: []CertPair{pair}})
	address := serveTLS(t, c.Config())
	want := func(cert *issued) {
		t.Helper()
		state, err := handshake(address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		if !state.PeerCertificates[0].Equal(cert.cert) {
			t.Error("the other certificate was shown")
		}
	}
	want(old)

	good, err := os.ReadFile(pair.Cert)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, pair.Cert, good[:len(good)/2]) // caught in the middle of being written
	if err := c.Reload(); err == nil || !strings.Contains(err.Error(), pair.Cert) {
		t.Errorf("half a file: %v", err)
	}
	want(old)
	renewed.store(t, dir, "a")
	want(old)
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	want(renewed)
}

func TestCertificatesResumeSessions(t *testing.T) {
	dir, later := t.TempDir(), time.Now().Add(24*time.Hour)
	c := newCertificates(t, CertificateOptions{Pairs: []CertPair{issue(t, nil, later, "a.example").store(t, dir, "a")}})
	address := serveTLS(t, c.Config())
	client := &tls.Config{InsecureSkipVerify: true, ServerName: "a.example", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	for _, want := range []bool{false, true, true} {
		state, err := handshake(address, client)
		if err != nil {
			t.Fatal(err)
		}
		if state.DidResume != want {
			t.Errorf("resumed: %v, want %v", state.DidResume, want)
		}
		if err := c.Reload(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificatesOfClients(t *testing.T) {
	dir, later := t.TempDir(), time.Now().Add(24*time.Hour)
	root, other := issue(t, nil, later, "root"), issue(t, nil, later, "other root")
	ca := root.store(t, dir, "ca").Cert
	o := CertificateOptions{Pairs: []CertPair{issue(t, nil, later, "a.example").store(t, dir, "a")}, ClientCA: ca}
	c := newCertificates(t, o)
	if !slices.Contains(c.Files(), ca) {
		t.Errorf("files %v, without %s", c.Files(), ca)
	}
	address := serveTLS(t, c.Config())
	known, stranger := issue(t, root, later, "client"), issue(t, other, later, "client")
	as := func(i *issued) error {
		config := &tls.Config{InsecureSkipVerify: true}
		if i != nil {
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &i.pair, nil }
		}
		_, err := handshake(address, config)
		return err
	}
	if as(known) != nil || as(stranger) == nil || as(nil) == nil {
		t.Errorf("known %v, stranger %v, nobody %v", as(known), as(stranger), as(nil))
	}
	other.store(t, dir, "ca")
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	if as(known) == nil || as(stranger) != nil {
		t.Errorf("after the change: known %v, stranger %v", as(known), as(stranger))
	}
}

func TestCertificatesMinVersion(t *testing.T) {
	dir, later := t.TempDir(), time.Now().Add(24*time.Hour)
	pairs := []CertPair{issue(t, nil, later, "a.example").store(t, dir, "a")}
	tests := []struct {
		in     string
		client uint16
		ok     bool
	}{
		{"", tls.VersionTLS11, false},
		{"", tls.VersionTLS12, true},
		{"1.3", tls.VersionTLS12, false},
		{"1.3", tls.VersionTLS13, true},
	}
	for _, tt := range tests {
		c := newCertificates(t, CertificateOptions{Pairs: pairs, MinVersion: tt.in})
		_, err := handshake(serveTLS(t, c.Config()), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tt.client})
		if (err == nil) != tt.ok {
			t.Errorf("at least %q, client of %s: %v", tt.in, tls.VersionName(tt.client), err)
		}
	}
}

func TestCertificateErrors(t *testing.T) {
	dir, later := t.TempDir(), time.Now().Add(24*time.Hour)
	a, b := issue(t, nil, later, "a").store(t, dir, "a"), issue(t, nil, later, "b").store(t, dir, "b")
	empty := filepath.Join(dir, "empty")
	writeFile(t, empty, nil)
	tests := []struct {
		name string
		in   CertificateOptions
		want string
	}{
		{"none", CertificateOptions{}, "no certificate"},
		{"version", CertificateOptions{Pairs: []CertPair{a}, MinVersion: "1.1"}, `"1.1"`},
		{"no file", CertificateOptions{Pairs: []CertPair{{Cert: dir + "/no", Key: a.Key}}}, dir + "/no: no such file"},
		{"no key", CertificateOptions{Pairs: []CertPair{{Cert: a.Cert, Key: dir + "/no"}}}, dir + "/no: no such file"},
		{"empty", CertificateOptions{Pairs: []CertPair{{Cert: empty, Key: a.Key}}}, empty},
		{"key of another", CertificateOptions{Pairs: []CertPair{a, {Cert: a.Cert, Key: b.Key}}}, b.Key},
		{"empty client CA", CertificateOptions{Pairs: []CertPair{a}, ClientCA: empty}, empty},
		{"no client CA", CertificateOptions{Pairs: []CertPair{a}, ClientCA: dir + "/no"}, dir + "/no: no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := NewCertificates(tt.in)
			if c != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to say %q", err, tt.want)
			}
		})
	}
}

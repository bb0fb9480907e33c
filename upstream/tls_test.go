package upstream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority is a CA of the test's own.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // PEM
}

func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{cert: cert, key: key, file: filepath.Join(dir, name+".pem")}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// issue writes a certificate for names and addresses, and its key.
func (a *authority) issue(t *testing.T, dir, name string, dns []string, ips ...net.IP) (cert, key string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: dns, IPAddresses: ips,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &priv.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	writePEM(t, cert, "CERTIFICATE", der)
	writePEM(t, key, "EC PRIVATE KEY", keyDER)
	return cert, key
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tlsServer answers every request with 200 over TLS.
func tlsServer(t *testing.T, cert, key string, clientCA *authority) Address {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.NegotiatedProtocol != "http/1.1" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	if clientCA != nil {
		s.TLS.ClientAuth = tls.RequireAndVerifyClientCert
		s.TLS.ClientCAs = x509.NewCertPool()
		s.TLS.ClientCAs.AddCert(clientCA.cert)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return addressOf(s.Listener.Addr().String(), "https")
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ours, theirs := newAuthority(t, dir, "ours"), newAuthority(t, dir, "theirs")
	loopback := net.IPv4(127, 0, 0, 1)
	cert, key := ours.issue(t, dir, "server", []string{"shop.internal"}, loopback)
	nameOnly, nameOnlyKey := ours.issue(t, dir, "name-only", []string{"shop.internal"})
	clientCert, clientKey := theirs.issue(t, dir, "client", nil)
	plain := tlsServer(t, cert, key, nil)
	named := tlsServer(t, nameOnly, nameOnlyKey, nil)
	mutual := tlsServer(t, cert, key, theirs)

	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	for _, test := range []struct {
		name                  string
		at                    Address
		ca, cert, key, server string
		want                  func(error) bool
	}{
		{"verified by address", plain, ours.file, "", "", "", nil},
		{"verified by name", plain, ours.file, "", "", "shop.internal", nil},
		{"unknown ca", plain, theirs.file, "", "", "", func(err error) bool { return errors.As(err, &unknown) }},
		{"system roots", plain, "", "", "", "", func(err error) bool { return errors.As(err, &unknown) }},
		{"wrong name", plain, ours.file, "", "", "evil.internal", func(err error) bool { return errors.As(err, &hostname) }},
		{"address not in certificate", named, ours.file, "", "", "", func(err error) bool { return errors.As(err, &hostname) }},
		{"client certificate", mutual, ours.file, clientCert, clientKey, "", nil},
		{"client certificate missing", mutual, ours.file, "", "", "", func(err error) bool {
			return err != nil && strings.Contains(err.Error(), "certificate required")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg, id, err := TLSConfig(test.ca, test.cert, test.key, test.server)
			if err != nil {
				t.Fatal(err)
			}
			p := retired(t, Options{Endpoints: []Address{test.at}, TLS: cfg, TLSKey: id})
			err = get(p)
			if test.want == nil && err != nil {
				t.Errorf("got %v", err)
			} else if test.want != nil && !test.want(err) {
				t.Errorf("got %v, of another kind", err)
			}
			// Active checks verify in the same way.
			h, _ := Health{Checks: []Check{{}}}.filled()
			h.Timeout = patience
			if err := h.probe(context.Background(), p.Endpoints()[0]); (err == nil) != (test.want == nil) {
				t.Errorf("check: got %v", err)
			}
		})
	}
}

// get makes a request through the pool. With TLS 1.3 a server refuses a client
// certificate only after the handshake.
func get(p *Pool) error {
	c, err := p.Conn(context.Background(), p.Endpoints()[0], false)
	if err != nil {
		return err
	}
	defer c.Discard()
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != 200 {
		return errors.New(answer.Status)
	}
	c.Release()
	again, err := p.Conn(context.Background(), p.Endpoints()[0], false)
	if err != nil {
		return err
	}
	defer again.Discard()
	if !again.Reused || !again.link.peek.silent() {
		return errors.New("the connection was not kept, or has something to say after the answer")
	}
	return nil
}

func TestTLSConfigErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	ours := newAuthority(t, dir, "ours")
	cert, key := ours.issue(t, dir, "server", nil)
	_, otherKey := ours.issue(t, dir, "other", nil)
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, ca, cert, key, want string }{
		{"ca missing", "/nowhere.pem", "", "", "/nowhere.pem"},
		{"ca junk", junk, "", "", junk},
		{"cert missing", "", "/nowhere.crt", key, "/nowhere.crt"},
		{"key missing", "", cert, "/nowhere.key", "/nowhere.key"},
		{"key of another", "", cert, otherKey, otherKey},
		{"cert alone", "", cert, "", "both"},
		{"key alone", "", "", key, "both"},
	} {
		if _, _, err := TLSConfig(test.ca, test.cert, test.key, ""); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want it to name %s", test.name, err, test.want)
		}
	}
	a, first, err := TLSConfig(ours.file, cert, key, "x")
	if err != nil || a.MinVersion != tls.VersionTLS12 {
		t.Fatal(a, err)
	}
	if _, second, _ := TLSConfig(ours.file, cert, key, "x"); second != first {
		t.Error("same files, other id")
	}
	newAuthority(t, dir, "ours")
	if _, third, _ := TLSConfig(ours.file, cert, key, "x"); third == first {
		t.Error("another CA in the file, same id")
	}
}

func TestSlowHandshakeIsPartOfTheConnectTimeout(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p := retired(t, Options{Endpoints: []Address{addressOf(ln.Addr().String(), "https")}, ConnectTimeout: 50 * time.Millisecond})
	_, err = p.Conn(context.Background(), p.Endpoints()[0], false)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want deadline exceeded", err)
	}
	if open, _ := p.Connections(); open != 0 {
		t.Errorf("%d places are kept", open)
	}
}

package admin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/config"
)

func deadline() <-chan time.Time { return time.After(10 * time.Second) }

func TestListenRefuses(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	cert := ca.issue(t, dir, "server")
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	withCert := &config.TLS{Certificates: []config.Certificate{cert}}
	tests := []struct {
		name string
		in   config.Admin
		want string // "": it listens
	}{
		{"loopback", config.Admin{Address: "127.0.0.1:0"}, ""},
		{"loopback by name", config.Admin{Address: "localhost:0"}, ""},
		{"open, plain", config.Admin{Address: "0.0.0.0:0"}, "needs admin.tls"},
		{"open, no host", config.Admin{Address: ":0"}, "needs admin.tls"},
		{"open, plain, tokens", config.Admin{Address: ":0", Tokens: tokens}, "needs admin.tls"},
		{"open, tls alone", config.Admin{Address: ":0", TLS: withCert}, "needs admin.tokens or admin.tls.client_ca"},
		{"open, tls and tokens", config.Admin{Address: ":0", TLS: withCert, Tokens: tokens}, ""},
		{"open, mutual tls", config.Admin{Address: ":0", TLS: &config.TLS{Certificates: withCert.Certificates, ClientCA: ca.file}}, ""},
		{"no port", config.Admin{Address: "127.0.0.1"}, "port"},
		{"no such certificate", config.Admin{Address: "127.0.0.1:0", TLS: &config.TLS{Certificates: []config.Certificate{{Cert: "nix", Key: "nix"}}}}, "nix"},
		{"no certificate", config.Admin{Address: "127.0.0.1:0", TLS: &config.TLS{}}, "no certificate"},
		{"empty client_ca", config.Admin{Address: "127.0.0.1:0", TLS: &config.TLS{Certificates: withCert.Certificates, ClientCA: file}}, "holds no certificate"},
		{"not a socket", config.Admin{Address: "unix:" + file}, "not a socket"},
		{"no such directory", config.Admin{Address: "unix:" + dir + "/no/socket"}, "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ln, err := Listen(tt.in)
			if err == nil {
				ln.Close()
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	p := start(t, func(a *config.Admin, _ *Options) { a.Address = "unix:" + path })
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("got %v, %v, want mode 0600", info, err)
	}
	if _, err := Listen(config.Admin{Address: "unix:" + path}); err == nil || !strings.Contains(err.Error(), "another process listens") {
		t.Errorf("a second listener: %v", err)
	}
	p.client, p.base = overUnix(path), "http://anything"
	if r := p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":100}}`); r.status != 200 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// The socket of a process that was killed does not keep the next one from starting.
func TestStaleUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	ln, err := Listen(config.Admin{Address: "unix:" + path})
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
}

func TestMutualTLS(t *testing.T) {
	dir := t.TempDir()
	ca, stranger := newAuthority(t, dir, "ca"), newAuthority(t, dir, "stranger")
	p := start(t, func(a *config.Admin, _ *Options) {
		a.TLS = &config.TLS{Certificates: []config.Certificate{ca.issue(t, dir, "server")}, ClientCA: ca.file}
		a.Tokens = tokens
	})
	p.client = ca.client(nil)
	if r := p.do("GET", "/livez", ""); r.status != 200 {
		t.Errorf("a probe without a certificate: got %d", r.status)
	}
	if r := p.do("GET", "/api/v1/services", ""); r.status != 401 {
		t.Errorf("nobody: got %d", r.status)
	}
	if r := p.do("GET", "/debug/pprof/cmdline", "", as(2)); r.status != 200 {
		t.Errorf("an admin's token: got %d", r.status)
	}
	own := ca.issue(t, dir, "deployer")
	p.client = ca.client(&own)
	if r := p.do("PUT", "/api/v1/services/shop/weights", `{"weights":{"v1":90,"v2":10}}`); r.status != 200 || !strings.Contains(r.body, `"set_by":"api:cert:deployer"`) {
		t.Errorf("a certificate's holder: got %d %s", r.status, r.body)
	}
	if r := p.do("GET", "/debug/pprof/cmdline", ""); r.status != 403 {
		t.Errorf("a certificate's holder, as admin: got %d", r.status)
	}
	if r := p.do("GET", "/api/v1/services", "", "Authorization: Bearer wrong"); r.status != 401 {
		t.Errorf("a wrong token along: got %d", r.status)
	}
	for range 200 {
		p.server.throttle.failed(netip.MustParsePrefix("127.0.0.1/32"))
	}
	if r := p.do("GET", "/api/v1/services", ""); r.status != 200 {
		t.Errorf("a certificate's holder, while others of the address guess tokens: got %d", r.status)
	}
	foreign := stranger.issue(t, dir, "foreign")
	if resp, err := ca.client(&foreign).Get(p.base + "/livez"); err == nil {
		resp.Body.Close()
		t.Errorf("a certificate of another authority: got %d", resp.StatusCode)
	}
}

func TestCertificatesFollowTheirFiles(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	pair := ca.issue(t, dir, "server")
	c, err := newCertificates(&config.TLS{Certificates: []config.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	serial := func(at time.Time) string {
		leaf, err := x509.ParseCertificate(c.inForce(at).Certificates[0].Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.SerialNumber.String()
	}
	now := time.Now()
	first := serial(now)
	replace := func(name, content string) {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		later := now.Add(time.Hour) // a file system's clock may be coarse
		if err := os.Chtimes(name, later, later); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
	}
	replace(pair.Cert, "half a file")
	if got := serial(now); got != first {
		t.Errorf("a broken file was taken: %s", got)
	}
	next := ca.issue(t, t.TempDir(), "server")
	for from, to := range map[string]string{next.Key: pair.Key, next.Cert: pair.Cert} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		replace(to, string(data))
	}
	second := serial(now)
	if second == first {
		t.Error("the new pair was not taken")
	}
	if got := serial(now.Add(time.Millisecond)); got != second {
		t.Errorf("got %s, want %s", got, second)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	ln, err := Listen(config.Admin{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	b := ln.(*listener).Listener.(*bounded)
	b.open.Store(maxConnections - 1)
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			_, _ = ln.Accept() // closes the second one, and ends with the listener
		}
		accepted <- conn
	}()
	first, second := dial(t, ln), dial(t, ln)
	defer first.Close()
	defer second.Close()
	if err := second.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the connection beyond the bound: %v, want it closed", err)
	}
	ln.Close()
	conn := <-accepted
	conn.Close()
	conn.Close()
	if got := b.open.Load(); got != maxConnections-1 {
		t.Errorf("%d places are taken, want %d", got, maxConnections-1)
	}
}

func dial(t *testing.T, ln net.Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestRunReportsADeadListener(t *testing.T) {
	p := build(t, nil)
	ln, err := Listen(config.Admin{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := p.server.Run(t.Context(), ln); err == nil {
		t.Error("got nil")
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("got nil")
	}
}

// A handler that panics answers 500 with the request's id, and says why in the log alone.
func TestPanicIsAnswered(t *testing.T) {
	p := start(t, func(_ *config.Admin, o *Options) { o.Ready = func() []string { panic("the reason why") } })
	r := p.do("GET", "/readyz", "")
	if r.status != 500 || strings.Contains(r.body, "reason why") || !strings.Contains(r.body, r.header.Get("X-Request-Id")) {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if !strings.Contains(p.audit.String(), "the reason why") {
		t.Error("the log does not say why")
	}
}

func TestReadiness(t *testing.T) {
	reasons := make(chan []string, 3)
	p := start(t, func(_ *config.Admin, o *Options) { o.Ready = func() []string { return <-reasons } })
	tests := []struct {
		query   string
		reasons []string
		status  int
		want    string
	}{
		{"", nil, 200, "ok\n"},
		{"", []string{"draining"}, 503, "not ready\n"},
		{"?verbose", []string{"draining", "no route"}, 503, "[-] draining\n[-] no route\nnot ready\n"},
	}
	for _, tt := range tests {
		reasons <- tt.reasons
		if r := p.do("GET", "/readyz"+tt.query, ""); r.status != tt.status || r.body != tt.want {
			t.Errorf("%q: got %d %q", tt.query, r.status, r.body)
		}
	}
}

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
	pool *x509.CertPool
}

func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{cert: cert, key: key, file: filepath.Join(dir, name+".crt"), pool: x509.NewCertPool()}
	a.pool.AddCert(cert)
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// issue makes a certificate for 127.0.0.1 that serves servers and clients.
func (a *authority) issue(t *testing.T, dir, name string) config.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pair := config.Certificate{Cert: filepath.Join(dir, name+".crt"), Key: filepath.Join(dir, name+".key")}
	writePEM(t, pair.Cert, "CERTIFICATE", der)
	writePEM(t, pair.Key, "PRIVATE KEY", keyDER)
	return pair
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// client trusts a, and shows pair if it is not nil. Its connections are not kept.
func (a *authority) client(pair *config.Certificate) *http.Client {
	conf := &tls.Config{RootCAs: a.pool}
	if pair != nil {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			loaded, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
			return &loaded, err
		}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
}

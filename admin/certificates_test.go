package admin

import (
	"crypto/tls"
	"net"
	"testing"

	"sluice/config"
)

// A reload that names other certificate files at the same address shows them
// without touching the socket.
func TestRetarget(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	of := func(name string) config.Admin {
		return config.Admin{Address: "127.0.0.1:0", TLS: &config.TLS{Certificates: []config.Certificate{ca.issue(t, dir, name)}}}
	}
	first, second := of("first"), of("second")
	ln, err := Listen(first)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake() // the client's side tells
			conn.Close()
		}
	}()
	before := shown(t, ca, ln)
	for name, cfg := range map[string]config.Admin{
		"plain text": {Address: "127.0.0.1:0"},
		"no such file": {Address: "127.0.0.1:0", TLS: &config.TLS{
			Certificates: []config.Certificate{{Cert: dir + "/none.crt", Key: dir + "/none.key"}}}},
	} {
		if _, err := Retarget(ln, cfg); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	commit, err := Retarget(ln, second)
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(t, ca, ln); got != before {
		t.Errorf("before commit: got %s, want %s", got, before)
	}
	commit()
	if got := shown(t, ca, ln); got == before {
		t.Error("after commit: still the former certificate")
	}
}

// shown is the serial number of the certificate that ln shows.
func shown(t *testing.T, ca *authority, ln net.Listener) string {
	t.Helper()
	conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: ca.pool})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	leaf := conn.ConnectionState().PeerCertificates[0]
	return leaf.SerialNumber.String()
}

package upstream

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
)

// TLSConfig reads PEM files into what Options.TLS wants, TLS 1.2 at least. Each
// argument may be empty: ca then means the system's roots, cert and key (both or
// none) no client certificate, serverName the endpoint's host. id identifies the
// contents, for Options.TLSKey: files that changed give another one. Errors name the file.
func TLSConfig(ca, cert, key, serverName string) (cfg *tls.Config, id string, err error) {
	cfg = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName}
	sum := sha256.New()
	part := func(name string, content []byte) {
		fmt.Fprintf(sum, "%s %d\n", name, len(content))
		sum.Write(content)
	}
	part("server name", []byte(serverName))
	if ca != "" {
		pem, roots, err := readRoots(ca)
		if err != nil {
			return nil, "", err
		}
		cfg.RootCAs = roots
		part("ca", pem)
	}
	if (cert == "") != (key == "") {
		return nil, "", errors.New("client certificate: want both cert and key, or none")
	}
	if cert != "" {
		certPEM, err := os.ReadFile(cert)
		if err != nil {
			return nil, "", fmt.Errorf("cert: %w", err)
		}
		keyPEM, err := os.ReadFile(key)
		if err != nil {
			return nil, "", fmt.Errorf("key: %w", err)
		}
		pair, err := tls.X509KeyPair(certPEM, keyPEM)
		if err != nil {
			return nil, "", fmt.Errorf("cert %s with key %s: %w", cert, key, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
		part("cert", certPEM)
		part("key", keyPEM)
	}
	return cfg, hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

func readRoots(ca string) (pem []byte, roots *x509.CertPool, err error) {
	if pem, err = os.ReadFile(ca); err != nil {
		return nil, nil, fmt.Errorf("ca: %w", err)
	}
	roots = x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, nil, fmt.Errorf("ca %s: no certificate in PEM form", ca)
	}
	return pem, roots, nil
}

// sessions is how many TLS sessions an endpoint's address set can resume.
const sessions = 16

// clientTLS is cfg (nil: verify against the system's roots) made fit for host.
func clientTLS(cfg *tls.Config, host string) *tls.Config {
	if cfg == nil {
		cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	cfg = cfg.Clone()
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	cfg.NextProtos = []string{"http/1.1"}
	if cfg.ClientSessionCache == nil {
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(sessions)
	}
	return cfg
}

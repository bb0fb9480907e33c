package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// startBackends runs one nginx that is both versions. Its workers are not bound
// to one, so that it is never what is measured.
func startBackends(ctx context.Context, dir string) (p *process, one, two string, err error) {
	if one, err = freeAddress(); err != nil {
		return nil, "", "", err
	}
	if two, err = freeAddress(); err != nil {
		return nil, "", "", err
	}
	for name, size := range map[string]int{"10k": 10 << 10, "1m": 1 << 20} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte("x"), size), 0o644); err != nil {
			return nil, "", "", err
		}
	}
	servers := ""
	for name, address := range map[string]string{"one": one, "two": two} {
		servers += fmt.Sprintf("  server { listen %s reuseport; root %s; location = / { return 200 \"answered by version %s, in about sixty bytes of text....\\n\"; } location / { sendfile on; } }\n", address, dir, name)
	}
	conf := filepath.Join(dir, "backend.conf")
	if err := os.WriteFile(conf, []byte(nginxFrame(dir, allCores(), "off", servers)), 0o644); err != nil {
		return nil, "", "", err
	}
	program, err := exec.LookPath("nginx")
	if err != nil {
		return nil, "", "", err
	}
	p, err = startProcess(ctx, dir, nil, []string{one, two}, program, "-e", filepath.Join(dir, "error.log"), "-c", conf)
	return p, one, two, err
}

// echo is a WebSocket backend that sends back the bytes it gets.
type echo struct {
	net.Listener
	serving sync.WaitGroup
}

func startEcho() (*echo, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &echo{Listener: ln}
	e.serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return // closed
			}
			e.serving.Go(func() { serveEcho(conn) })
		}
	})
	return e, nil
}

func serveEcho(conn net.Conn) {
	defer conn.Close()
	br := bufio.NewReader(conn)
	if _, err := http.ReadRequest(br); err != nil {
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"); err != nil {
		return
	}
	_, _ = io.Copy(conn, br) // until the client leaves
}

// certificate writes a certificate for localhost, its key, and the two in one file.
func certificate(dir string) (cert, key, both string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return "", "", "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", "", err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	cert, key, both = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "tls.pem")
	for path, text := range map[string][]byte{cert: certPEM, key: keyPEM, both: append(bytes.Clone(certPEM), keyPEM...)} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return "", "", "", err
		}
	}
	return cert, key, both, nil
}

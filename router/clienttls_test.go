package router

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluice/config"
)

// writeCA writes a fresh self-signed certificate to file.
func writeCA(t *testing.T, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), IsCA: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEndpointsFollowTheirCertificates: connections verified with the old CA
// must not be used under a new one, and are kept under the same.
func TestEndpointsFollowTheirCertificates(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writeCA(t, ca)
	service := shop(9000, 1000)
	for i := range service.Versions {
		service.Versions[i].Endpoints[0].Scheme = "https"
		service.Versions[i].TLS = &config.UpstreamTLS{CA: ca, ServerName: "backend.test"}
	}
	l, first := live(t, service)
	same := reload(t, l, nil, service)
	writeCA(t, ca)
	renewed := reload(t, l, nil, service)
	for i := range first.Pools {
		before, kept, changed := first.Pools[i].Endpoints()[0], same.Pools[i].Endpoints()[0], renewed.Pools[i].Endpoints()[0]
		if before != kept {
			t.Errorf("%s: the same files gave another endpoint", first.Versions[i].Name)
		}
		if before == changed {
			t.Errorf("%s: another CA kept the endpoint", first.Versions[i].Name)
		}
	}
}

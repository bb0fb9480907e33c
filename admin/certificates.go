package admin

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"sluice/config"
)

// certificates are the TLS files of the listener, read again when one of them
// changed: looked at in a handshake, at most once a second. Files that cannot be
// read, as while a pair is being replaced, leave the former ones in force. Safe for
// concurrent use.
type certificates struct {
	files config.TLS

	mu      sync.Mutex
	current *tls.Config
	stamps  []stamp // of the files that current was made from
	checked time.Time
	logger  *slog.Logger
}

// stamp tells one content of a file from the next.
type stamp struct {
	modified time.Time
	size     int64
}

// newCertificates reads the files once, so that a fault shows at the start.
// It returns nil for nil.
func newCertificates(files *config.TLS) (*certificates, error) {
	if files == nil {
		return nil, nil
	}
	c := &certificates{files: *files, logger: slog.New(slog.DiscardHandler)}
	stamps := c.look()
	current, err := c.read()
	if err != nil {
		return nil, err
	}
	c.current, c.stamps, c.checked = current, stamps, time.Now()
	return c, nil
}

// replace takes over the files of next, which nobody else uses.
func (c *certificates) replace(next *certificates) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files, c.current, c.stamps, c.checked = next.files, next.current, next.stamps, next.checked
}

func (c *certificates) logTo(l *slog.Logger) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logger = l
}

// serverConfig asks for the files in force at every handshake.
func (c *certificates) serverConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.inForce(time.Now()), nil
		},
	}
}

func (c *certificates) inForce(now time.Time) *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.checked) < time.Second {
		return c.current
	}
	c.checked = now
	stamps := c.look()
	if same(stamps, c.stamps) {
		return c.current
	}
	fresh, err := c.read()
	if err != nil {
		c.logger.Warn("admin certificates not replaced", "error", err)
		return c.current
	}
	c.current, c.stamps = fresh, stamps
	c.logger.Info("admin certificates replaced")
	return c.current
}

func (c *certificates) look() []stamp {
	var all []stamp
	for _, pair := range c.files.Certificates {
		all = append(all, stampOf(pair.Cert), stampOf(pair.Key))
	}
	return append(all, stampOf(c.files.ClientCA))
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

func same(a, b []stamp) bool {
	for i := range a {
		if !a[i].modified.Equal(b[i].modified) || a[i].size != b[i].size {
			return false
		}
	}
	return true
}

// read makes a configuration of the files. A client certificate is never
// demanded in the handshake, because probes have none; who shows one is held to it.
// Sessions are not resumed, so a change of client_ca holds at once.
func (c *certificates) read() (*tls.Config, error) {
	conf := &tls.Config{
		MinVersion:             tls.VersionTLS12,
		NextProtos:             []string{"http/1.1"},
		SessionTicketsDisabled: true,
	}
	if c.files.MinVersion == "1.3" {
		conf.MinVersion = tls.VersionTLS13
	}
	for _, pair := range c.files.Certificates {
		loaded, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", pair.Cert, err)
		}
		conf.Certificates = append(conf.Certificates, loaded)
	}
	if len(conf.Certificates) == 0 {
		return nil, errors.New("no certificate is named")
	}
	if c.files.ClientCA == "" {
		return conf, nil
	}
	pem, err := os.ReadFile(c.files.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("client_ca: %w", err)
	}
	conf.ClientCAs = x509.NewCertPool()
	if !conf.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("client_ca %s: holds no certificate", c.files.ClientCA)
	}
	conf.ClientAuth = tls.VerifyClientCertIfGiven
	return conf, nil
}

package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ParseOptions say what Parse may look at besides its text. The zero value
// expands nothing and reads nothing.
type ParseOptions struct {
	Expand   bool                              // replace ${…}; off: a value that holds one is accepted unseen
	Lookup   func(name string) (string, bool)  // environment; nil: os.LookupEnv
	ReadFile func(path string) ([]byte, error) // for ${file:…}; nil: regular files, up to a little over 64 KiB
}

// Load reads the file at path, expands its values, and returns the validated
// configuration with all defaults filled in. A file that is wrong gives Faults,
// all of them; one that cannot be read gives the cause.
func Load(path string) (*Config, error) {
	data, err := readCapped(path, maxFileBytes)
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, bareError(err))
	}
	c, err := Parse(path, data, ParseOptions{Expand: true})
	if err != nil {
		return nil, err
	}
	c.Path = path
	return c, nil
}

// Parse is Load for text at hand. name stands for the file in faults. The
// error, if any, is of type Faults.
func Parse(name string, data []byte, o ParseOptions) (*Config, error) {
	c, faults := parse(name, data, o)
	if err := faults.asError(); err != nil {
		return nil, err
	}
	return c, nil
}

// Check reports every fault of a text without expanding anything: no ${…} is
// read on a caller's behalf, values that hold one are accepted unseen. It
// returns nil for a text without faults. It reads no file and no environment.
func Check(name string, data []byte) Faults {
	_, faults := parse(name, data, ParseOptions{})
	return faults.sorted()
}

func parse(name string, data []byte, o ParseOptions) (*Config, Faults) {
	if o.Lookup == nil {
		o.Lookup = os.LookupEnv
	}
	if o.ReadFile == nil {
		o.ReadFile = func(path string) ([]byte, error) { return readCapped(path, maxIncluded) }
	}
	root, faults := parseYAML(name, data)
	if root == nil {
		if len(faults) == 0 {
			faults = Faults{{File: name, Line: 1, Col: 1, Message: "the file is empty, want at least services"}}
		}
		return nil, faults
	}
	d := newDecoder(name, o)
	d.note(root, "")
	if root.kind != mapNode {
		d.wrong(root, "", "a mapping with at least services")
		return nil, append(faults, d.faults...)
	}
	c := new(Config)
	configKind().read(d, root, "", c)
	d.complete(c)
	d.validate(c)
	c.included, c.secrets = d.files, d.secrets
	c.Version = versionOf(data, c)
	return c, append(faults, d.faults...)
}

// versionOf hashes the text together with the effective values, so that what
// the environment brought in counts too; secrets do not.
func versionOf(data []byte, c *Config) string {
	h := sha256.New()
	h.Write(data)
	effective, err := json.Marshal(c.Effective())
	if err == nil {
		h.Write(effective)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// Find names the configuration file: flag, else $SLUICE_CONFIG, else
// ./sluice.yaml, else /etc/sluice/sluice.yaml. The first two must exist; the
// error says which were tried.
func Find(flag string) (string, error) {
	if flag != "" {
		return flag, present(flag, "--config")
	}
	if env := os.Getenv("SLUICE_CONFIG"); env != "" {
		return env, present(env, "$SLUICE_CONFIG")
	}
	tried := []string{"./sluice.yaml", "/etc/sluice/sluice.yaml"}
	for _, path := range tried {
		err := present(path, "configuration")
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("no configuration found: tried --config, $SLUICE_CONFIG, %s", strings.Join(tried, ", "))
}

func present(path, from string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%s %s: %w", from, path, bareError(err))
	}
	if info.IsDir() {
		return fmt.Errorf("%s %s: is a directory", from, path)
	}
	return nil
}

// Files are all further files that the configuration stands on: certificates,
// keys, authorities, and what ${file:…} brought in. A change of one of them calls
// for a reload. Sorted, without repetitions.
func (c *Config) Files() []string {
	all := append([]string(nil), c.included...)
	add := func(paths ...string) {
		for _, p := range paths {
			if p != "" {
				all = append(all, filepath.Clean(p))
			}
		}
	}
	addTLS := func(t *TLS) {
		if t == nil {
			return
		}
		add(t.ClientCA)
		for _, pair := range t.Certificates {
			add(pair.Cert, pair.Key)
		}
	}
	addTLS(c.Admin.TLS)
	for _, l := range c.Listeners {
		addTLS(l.TLS)
	}
	for _, s := range c.Services {
		for _, v := range s.Versions {
			if v.TLS != nil {
				add(v.TLS.CA, v.TLS.Cert, v.TLS.Key)
			}
		}
		for _, m := range s.Guard.Metrics {
			if t := m.Prometheus.TLS; t != nil {
				add(t.CA, t.Cert, t.Key)
			}
		}
	}
	return unique(all)
}

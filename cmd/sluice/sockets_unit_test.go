package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice/deploy"
)

// mostExposure is what systemd-analyze may find of the unit, in tenths of a point of ten. Left are
// the network, which a proxy needs, and what only the operator can name: addresses.
const mostExposure = "15"

func unit(t *testing.T, name string) string {
	t.Helper()
	text, err := deploy.Files.ReadFile("single-server/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The units are valid to systemd, and the service can do little besides its work.
func TestUnitsAreValidAndHardened(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("systemd-analyze is not there: install the package systemd")
		}
		t.Skip("systemd-analyze is not there: install the package systemd")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	service, socket := filepath.Join(dir, "sluice.service"), filepath.Join(dir, "sluice.socket")
	text := strings.ReplaceAll(unit(t, "sluice.service"), "/usr/local/bin/sluice", self) // verify wants the file to be there
	for path, text := range map[string]string{service: text, socket: unit(t, "sluice.socket")} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"verify", "--man=no", service, socket},
		{"security", "--offline=true", "--no-pager", "--threshold=" + mostExposure, service},
	} {
		var out bytes.Buffer
		cmd := exec.Command(analyze, args...)
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out.String())
		}
	}
}

// The ports that systemd opens are those of the configuration beside, or nobody would accept there.
func TestSocketUnitHasTheAddressesOfTheConfiguration(t *testing.T) {
	var opened, wanted []string
	for _, m := range regexp.MustCompile(`(?m)^ListenStream=(.+)$`).FindAllStringSubmatch(unit(t, "sluice.socket"), -1) {
		opened = append(opened, m[1])
	}
	for _, l := range held(t, "single-server/sluice.yaml", unit(t, "sluice.yaml")).Listeners {
		wanted = append(wanted, strings.TrimPrefix(l.Address, ":"))
	}
	if !slices.Equal(opened, wanted) {
		t.Errorf("the socket unit opens %q, the configuration listens on %q", opened, wanted)
	}
}

package conformance

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVarnishtest runs the scripts in testdata/vtc: another project's client and
// server, byte for byte, with sluice between them. Each gets a sluice of its own.
func TestVarnishtest(t *testing.T) {
	program := need(t, "varnishtest", "varnish")
	scripts, err := filepath.Glob("testdata/vtc/*.vtc")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".vtc"), func(t *testing.T) {
			scored(t, "varnishtest")
			origin := freeAddress(t)
			address, _ := boot(t, origin, "")
			host, port, _ := strings.Cut(address, ":")
			originHost, originPort, _ := strings.Cut(origin, ":")
			out, err := exec.Command(program, "-t", "20", "-D", "sluice="+host+" "+port, "-D", "origin="+originHost+" "+originPort, script).CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sluice runs the binary to its end and returns what it printed.
func sluice(t *testing.T, args ...string) (output string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, sluiceBinary(t), args...)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil && (cmd.ProcessState == nil || ctx.Err() != nil) {
		t.Fatalf("sluice %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const good = `services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: 90, endpoints: ["http://127.0.0.1:1"]}
      - {name: v2, weight: 10, endpoints: ["http://127.0.0.1:2"]}
`

func TestValidate(t *testing.T) {
	reference, err := filepath.Abs(filepath.Join("..", "..", "config", "testdata", "reference.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		code       int
		want       []string
	}{
		{"reference", reference, 0, []string{"reference.yaml: valid"}},
		{"good", file(t, good), 0, []string{": valid"}},
		{"weights", file(t, strings.Replace(good, "weight: 10", "weight: 20", 1)), 1, []string{"sluice.yaml:", "110"}},
		{"unknown stable", file(t, strings.Replace(good, "stable: v1", "stable: v9", 1)), 1, []string{":4:", "v9"}},
		{"two faults", file(t, strings.NewReplacer("stable: v1", "stable: v9", "path: /", "path: shop").Replace(good)), 1, []string{":3:", ":4:"}},
		{"no yaml", file(t, "services: [\n"), 1, []string{"sluice.yaml:"}},
		{"no file", filepath.Join(t.TempDir(), "none.yaml"), 1, []string{"none.yaml"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, code := sluice(t, "validate", "-c", tt.path)
			if code != tt.code {
				t.Errorf("exit code: got %d, want %d", code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("output %q does not contain %q", out, want)
				}
			}
		})
	}
}

func TestUsageExitsWithTwo(t *testing.T) {
	for _, args := range [][]string{{"frobnicate"}, {"run", "--no-such-flag"}, {"weights"}, {"weights", "shop", "v1"}, {"validate", "surplus"}} {
		if out, code := sluice(t, args...); code != 2 {
			t.Errorf("sluice %s: exit code %d, want 2\n%s", strings.Join(args, " "), code, out)
		}
	}
}

// What goes wrong at the start is told in one clear line, and the process ends with 1.
func TestStartRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct{ name, head, want string }{
		{"port in use", fmt.Sprintf("listeners: [{address: %q}]\nadmin: {address: \"127.0.0.1:0\"}\n", taken.Addr()), taken.Addr().String()},
		{"admin port in use", fmt.Sprintf("listeners: [{address: \"127.0.0.1:0\"}]\nadmin: {address: %q}\n", taken.Addr()), taken.Addr().String()},
		{"open admin", "listeners: [{address: \"127.0.0.1:0\"}]\nadmin: {address: \"0.0.0.0:0\"}\n", "admin"},
		{"access log", "listeners: [{address: \"127.0.0.1:0\"}]\nadmin: {address: \"127.0.0.1:0\"}\naccess_log: {path: /proc/no/such/file}\n", "/proc/no/such/file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, code := sluice(t, "run", "-c", file(t, tt.head+good))
			if code != 1 || !strings.Contains(out, tt.want) {
				t.Errorf("exit code %d, want 1; output %q, want it to name %q", code, out, tt.want)
			}
			if strings.Contains(out, "goroutine ") {
				t.Errorf("a stack instead of an error:\n%s", out)
			}
		})
	}
}

// A state directory that can't be used stops nobody's traffic, but is told.
func TestUnusableStateDirectoryIsTold(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	p := &process{t: t, dir: "/proc/no/such", listen: freeAddress(t), admin: freeAddress(t)}
	head := p.prelude()
	p.dir = t.TempDir()
	p.config = file(t, head+twoVersions(v1.URL, v2.URL, 90, 10, ""))
	p.start()
	defer p.kill()
	p.until("the state directory told", func() bool { return strings.Contains(p.logs(), "mkdir /proc/no") })
	resp, err := http.Get(p.url("/get"))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("without state: %v %v", resp, err)
	}
	resp.Body.Close()
	if out, code := p.run("weights", "shop", "v1=50", "v2=50"); code != 1 {
		t.Errorf("raising a weight that can't be kept: exit code %d, want 1: %s", code, out)
	}
	if got := p.metric("sluice_state_save_failures_total"); got == 0 {
		t.Error("sluice_state_save_failures_total: got 0")
	}
}

func TestWeightsThatDoNotFit(t *testing.T) {
	v1, v2 := startOrigin(t), startOrigin(t)
	p := boot(t, twoVersions(v1.URL, v2.URL, 90, 10, ""))
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"weights", "shop", "v1=80", "v2=10"}, "90"},
		{[]string{"weights", "shop", "v1=80", "v3=20"}, "v3"},
		{[]string{"weights", "nobody", "v1=80", "v2=20"}, "nobody"},
		{[]string{"weights", "shop", "--state", "v9=off"}, "v9"},
	} {
		out, code := p.run(tt.args...)
		if code != 1 || !strings.Contains(out, tt.want) {
			t.Errorf("sluice %v: exit code %d, output %q; want 1 and %q", tt.args, code, out, tt.want)
		}
	}
	if got := p.version("shop", "v2").Weight; got != 10 {
		t.Errorf("weight of v2 after refused changes: got %g, want 10", got)
	}
}

// An endpoint that nobody listens on: a clear answer at once, and stable takes over.
func TestUnreachableEndpoint(t *testing.T) {
	p := boot(t, twoVersions("http://"+freeAddress(t), "http://"+freeAddress(t), 100, 0, ""))
	resp, err := http.Get(p.url("/"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusBadGateway {
		t.Errorf("status: got %d, want 502", resp.StatusCode)
	}
	if got := resp.Header.Get("Proxy-Status"); !strings.Contains(got, "connection_refused") {
		t.Errorf("Proxy-Status: got %q, want connection_refused", got)
	}
}

// Every example in the repository validates.
func TestExamplesValidate(t *testing.T) {
	examples, err := filepath.Glob(filepath.Join("..", "..", "examples", "*.yaml"))
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, path := range examples {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		if out, code := sluice(t, "validate", "-c", path); code != 0 {
			t.Errorf("%s", out)
		}
	}
}

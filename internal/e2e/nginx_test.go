package e2e

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// nginx starts a foreign server that answers every request with its name. It
// is in Debian's nginx-light, which .ci/run installs; without it the test is skipped, but never in CI.
func nginx(t testing.TB, servers string) (pid int) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("nginx is missing")
		}
		t.Skip("nginx is missing: install the package nginx-light")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
%[2]s
}
`, dir, servers)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-e", filepath.Join(dir, "error.log"), "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // a fast shutdown for nginx
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

func answering(address, body string) string {
	return fmt.Sprintf("  server { listen %s reuseport; location / { return 200 %q; } }\n", address, body)
}

// reachable waits until an address answers.
func reachable(t testing.TB, address string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		resp, err := http.Get("http://" + address + "/")
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", address, err)
		}
		time.Sleep(5 * time.Millisecond) // between two tries to reach another process
	}
}

// The same main job in front of nginx: shares by the answers' bodies.
func TestShareInFrontOfNginx(t *testing.T) {
	const n, share = 20_000, 0.10
	one, two := freeAddress(t), freeAddress(t)
	nginx(t, answering(one, "v1")+answering(two, "v2"))
	reachable(t, one)
	reachable(t, two)
	p := boot(t, twoVersions("http://"+one, "http://"+two, 90, 10, ""))
	c := client(t, 16)
	onV2 := make([]bool, n)
	each(t, n, 16, func(i int) error {
		req, err := http.NewRequest("GET", p.url("/"), nil)
		if err != nil {
			return err
		}
		resp, body, err := fetch(c, req)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
		onV2[i] = string(body) == "v2"
		return err
	})
	hits := 0
	for _, v2 := range onV2 {
		if v2 {
			hits++
		}
	}
	if got, sigma := float64(hits)/n, math.Sqrt(share*(1-share)/n); math.Abs(got-share) > 5*sigma {
		t.Errorf("share of v2: got %.4f, want %.2f ± %.4f (5σ)", got, share, 5*sigma)
	}
}

package conformance

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// foreign is a server that sluice stands before. Its answers tell in X-Saw which
// request they are for, and in X-Body, where the server can, how long its content was.
type foreign struct {
	version string
	address string
	seen    func() string // a line "METHOD TARGET" for each request that the server took for one
	stop    func()        // lets what is in flight end, so that seen is whole
}

// foreigners are the origins of the grid, by name.
var foreigners = []struct {
	name  string
	start func(*testing.T) *foreign
}{
	{"nginx", startNginx},
	{"haproxy", startHAProxy},
	{"apache", startApache},
	{"go", startGo},
	{"node", startNode},
	{"gunicorn", startGunicorn},
}

// released is what HAProxy tells of its date and home.
var released = regexp.MustCompile(` \d{4}/.*`)

// versionOf is the first line in which a program tells of itself.
func versionOf(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	line = released.ReplaceAllString(line, "")
	line = strings.TrimPrefix(line, "nginx version: ")
	return strings.TrimSpace(line)
}

// configured writes a configuration and returns its path.
func configured(t *testing.T, format string, args ...any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// process makes an origin of a program that listens on address and logs to a file,
// or prints if log is empty.
func process(t *testing.T, p *program, version, address, log string, end syscall.Signal) *foreign {
	t.Helper()
	p.until(t, version, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	seen := p.printed
	if log != "" {
		seen = func() string {
			b, err := os.ReadFile(log)
			if err != nil && !os.IsNotExist(err) {
				t.Error(err)
			}
			return string(b)
		}
	}
	return &foreign{version: version, address: address, seen: seen, stop: func() { p.end(end) }}
}

func startNginx(t *testing.T) *foreign {
	program, address, dir := need(t, "nginx", "nginx-light"), freeAddress(t), t.TempDir()
	log := filepath.Join(dir, "seen")
	conf := configured(t, `daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 512; }
http {
  log_format seen escape=none '$request_method $request_uri';
  access_log %[1]s/seen seen;
  keepalive_requests 1000000; keepalive_timeout 60; client_max_body_size 0; large_client_header_buffers 4 16k;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  server {
    listen %[2]s;
    location / { add_header X-Saw '$request_method $request_uri' always; return 200 "nginx\n"; }
  }
}
`, dir, address)
	return process(t, launch(t, program, "-e", filepath.Join(dir, "error.log"), "-c", conf), versionOf(t, program, "-v"), address, log, syscall.SIGQUIT)
}

func startHAProxy(t *testing.T) *foreign {
	program, address := need(t, "haproxy", "haproxy"), freeAddress(t)
	conf := configured(t, `global
  log stdout len 65000 format raw local0
  tune.http.logurilen 10000
defaults
  mode http
  timeout client 60s
  timeout http-keep-alive 60s
  timeout http-request 60s
frontend origin
  bind %s
  log global
  log-format "%%HM %%HU"
  option http-buffer-request
  http-request return status 200 content-type text/plain string "haproxy" hdr X-Saw "%%[method] %%[url]"
`, address)
	return process(t, launch(t, program, "-db", "-f", conf), versionOf(t, program, "-v"), address, "", syscall.SIGUSR1)
}

// apacheModules is where Debian, Fedora and others keep Apache's modules.
func apacheModules(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{"/usr/lib/apache2/modules", "/etc/httpd/modules", "/usr/lib/httpd/modules", "/usr/libexec/apache2"} {
		if _, err := os.Stat(filepath.Join(dir, "mod_reflector.so")); err == nil {
			return dir
		}
	}
	t.Fatal("apache2 is there, its modules are not")
	return ""
}

func startApache(t *testing.T) *foreign {
	program, address, dir := need(t, "apache2", "apache2"), freeAddress(t), t.TempDir()
	conf := configured(t, `ServerRoot %[1]s
ServerName a
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
Listen %[2]s
LoadModule mpm_event_module %[3]s/mod_mpm_event.so
LoadModule authz_core_module %[3]s/mod_authz_core.so
LoadModule headers_module %[3]s/mod_headers.so
LoadModule reflector_module %[3]s/mod_reflector.so
<IfModule !log_config_module>
LoadModule log_config_module %[3]s/mod_log_config.so
</IfModule>
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
LimitRequestFields 200
DocumentRoot %[1]s
LogFormat "%%r" seen
CustomLog %[1]s/seen seen
<Location />
  SetHandler reflector
</Location>
Header always set X-Saw "expr=%%{REQUEST_METHOD} %%{THE_REQUEST}"
`, dir, address, apacheModules(t))
	p := launch(t, program, "-X", "-f", conf)
	f := process(t, p, strings.TrimPrefix(versionOf(t, program, "-v"), "Server version: "), address, filepath.Join(dir, "seen"), syscall.SIGTERM)
	return f
}

func startNode(t *testing.T) *foreign {
	program, address := need(t, "node", "nodejs"), freeAddress(t)
	script, err := filepath.Abs("testdata/origins/node.js")
	if err != nil {
		t.Fatal(err)
	}
	return process(t, launch(t, program, script, address), "node "+versionOf(t, program, "--version"), address, "", syscall.SIGTERM)
}

func startGunicorn(t *testing.T) *foreign {
	program, address := need(t, "gunicorn", "gunicorn"), freeAddress(t)
	dir, err := filepath.Abs("testdata/origins")
	if err != nil {
		t.Fatal(err)
	}
	p := launch(t, program, "--bind", address, "--chdir", dir, "--worker-class", "gthread", "--workers", "1", "--threads", "8", "--keep-alive", "60",
		"--limit-request-fields", "200", "--log-level", "error", "app:app")
	return process(t, p, strings.NewReplacer(" (version ", " ", ")", "").Replace(versionOf(t, program, "--version")), address, "", syscall.SIGTERM)
}

// startGo runs net/http in the test's own process.
func startGo(t *testing.T) *foreign {
	var mu sync.Mutex
	var seen strings.Builder
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		saw := r.Method + " " + r.RequestURI
		mu.Lock()
		fmt.Fprintln(&seen, saw)
		mu.Unlock()
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			return // the client learns of it by the connection's end
		}
		w.Header().Set("X-Saw", saw)
		w.Header().Set("X-Body", strconv.FormatInt(n, 10))
		_, _ = io.WriteString(w, "go\n")
	})}
	go func() { _ = server.Serve(ln) }() // ErrServerClosed at the end
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = server.Shutdown(ctx)
		server.Close()
	}
	t.Cleanup(stop)
	return &foreign{version: strings.TrimPrefix(versionOf(t, "go", "version"), "go version "), address: ln.Addr().String(), stop: stop,
		seen: func() string { mu.Lock(); defer mu.Unlock(); return seen.String() }}
}

// eventually polls what another process writes.
func eventually(ok func() bool) bool {
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
		if ok() {
			tick.Stop()
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

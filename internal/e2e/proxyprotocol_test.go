package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// haproxy starts HAProxy with what stands below its defaults. It is in Debian's haproxy,
// which .ci/run installs; without it the test is skipped, but never in CI.
func haproxy(t *testing.T, sections string) {
	t.Helper()
	program, err := exec.LookPath("haproxy")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("haproxy is missing")
		}
		t.Skip("haproxy is missing: install the package haproxy")
	}
	conf := filepath.Join(t.TempDir(), "haproxy.cfg")
	text := "defaults\n  timeout connect 5s\n  timeout client 10s\n  timeout server 10s\n" + sections
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-db", "-f", conf)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it holds nothing of worth
		_ = cmd.Wait()
	})
}

// from is a client whose connections come from another loopback address, with the address of the newest.
func from(t *testing.T, ip string) (client *http.Client, local func() string) {
	t.Helper()
	var last string
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: 5 * time.Second}
	transport := &http.Transport{}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := dialer.DialContext(ctx, network, address)
		if err == nil {
			last = nc.LocalAddr().String()
		}
		return nc, err
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, func() string { return last }
}

func answerTo(t *testing.T, client *http.Client, address string) string {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) { // until another process listens
		var resp *http.Response
		if resp, err = client.Get("http://" + address + "/"); err != nil {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("got %d %q, %v", resp.StatusCode, body, err)
		}
		return string(body)
	}
	t.Fatal(err)
	return ""
}

// accepts waits until another process listens at an address.
func accepts(t *testing.T, address string) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var conn net.Conn
		if conn, err = net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
	}
	t.Fatalf("nobody listens at %s: %v", address, err)
}

// HAProxy names the client to sluice, in both versions, also through its own health checks.
func TestProxyProtocolFromHAProxy(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("X-Forwarded-For"), " ", r.Header.Get("X-Forwarded-Port"))
	}))
	t.Cleanup(origin.Close)
	for _, send := range []string{"send-proxy", "send-proxy-v2 proxy-v2-options unique-id,crc32c"} {
		t.Run(send, func(t *testing.T) {
			l := found(t, "1s", "")
			l.configure("1s", fmt.Sprintf("services: [{name: shop, versions: [{name: v1, weight: 100, endpoints: [%q]}]}]\n", origin.URL))
			text, err := os.ReadFile(l.config)
			if err != nil {
				t.Fatal(err)
			}
			l.replace(l.config, append([]byte(fmt.Sprintf("listeners: [{address: %q, proxy_protocol: {trusted: [127.0.0.1/32]}}]\n", l.listen)),
				text[len(fmt.Sprintf("listeners:\n  - address: %q\n", l.listen)):]...), 0o600)
			l.start()
			front := freeAddress(t)
			haproxy(t, fmt.Sprintf("listen front\n  mode tcp\n  unique-id-format %%pid\n  bind %s\n  source 127.0.0.1\n  server s %s %s check check-send-proxy\n", front, l.listen, send))
			_, port, err := net.SplitHostPort(front)
			if err != nil {
				t.Fatal(err)
			}
			client, _ := from(t, "127.0.0.7")
			if got := answerTo(t, client, front); got != "127.0.0.7 "+port {
				t.Errorf("got %q, want the client and the port that it called", got)
			}
			l.end(l.pid())
		})
	}
}

// HAProxy and nginx understand what sluice tells them of the client, health checks included.
func TestProxyProtocolToHAProxyAndNginx(t *testing.T) {
	one, two := freeAddress(t), freeAddress(t)
	haproxy(t, fmt.Sprintf("frontend f\n  mode http\n  bind %s accept-proxy\n  http-request return status 200 content-type text/plain lf-string \"%%[src]:%%[src_port] %%[dst_port]\"\n", one))
	nginx(t, fmt.Sprintf("  server { listen %s proxy_protocol; location / { return 200 \"$proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_port\"; } }\n", two))
	accepts(t, one)
	accepts(t, two)
	for _, test := range []struct{ address, version string }{{one, "v1"}, {one, "v2"}, {two, "v1"}, {two, "v2"}} {
		l := found(t, "1s", fmt.Sprintf(`services:
  - name: shop
    versions: [{name: v1, weight: 100, endpoints: ["http://%s"], proxy_protocol: %s}]
    health: {interval: 200ms, timeout: 200ms, unhealthy_threshold: 1, checks: [{path: /}]}
`, test.address, test.version))
		l.start()
		_, port, err := net.SplitHostPort(l.listen)
		if err != nil {
			t.Fatal(err)
		}
		for _, ip := range []string{"127.0.0.7", "127.0.0.8"} {
			client, local := from(t, ip)
			for range 3 {
				if got := answerTo(t, client, l.listen); got != local()+" "+port {
					t.Errorf("%+v: got %q, want %s %s", test, got, local(), port)
				}
			}
		}
		l.end(l.pid())
	}
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// peer is a proxy that is measured.
type peer struct {
	name    string
	version string
	program string
	// configure writes what it runs on into w.dir and says how to start it.
	configure func(w *wiring) (args, env []string, err error)
}

// wiring is where a peer stands: its address, its backends, its settings.
type wiring struct {
	setup
	dir      string
	listen   string
	admin    string // for who needs one more address
	one, two string // backends: 90 % and 10 %
	workers  int
	cert     string // PEM of the certificate
	key      string
	both     string // PEM of the two
}

// peers are the proxies that are there. nginx, HAProxy and sluice always are.
func peers(sluice string) ([]peer, error) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		return nil, err
	}
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		return nil, err
	}
	all := []peer{
		{"nginx", firstLine(nginx, "-v"), nginx, configureNginx},
		{"haproxy", firstLine(haproxy, "-v"), haproxy, configureHAProxy},
		{"sluice", firstLine(sluice, "version"), sluice, configureSluice},
	}
	if caddy, err := exec.LookPath("caddy"); err == nil {
		all = append(all, peer{"caddy", firstLine(caddy, "version"), caddy, configureCaddy})
	}
	return all, nil
}

func firstLine(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(strings.TrimPrefix(line, "nginx version: "), "HAProxy version ")
}

// start runs the peer and waits until it listens.
func (p *peer) start(ctx context.Context, w *wiring) (*process, error) {
	var err error
	if w.dir, err = os.MkdirTemp(w.dir, strings.Fields(p.name)[0]); err != nil {
		return nil, err
	}
	if err = os.Chmod(w.dir, 0o755); err != nil { // workers of other users read in it
		return nil, err
	}
	if w.listen, err = freeAddress(); err != nil {
		return nil, err
	}
	if w.admin, err = freeAddress(); err != nil {
		return nil, err
	}
	args, env, err := p.configure(w)
	if err != nil {
		return nil, err
	}
	run, err := startProcess(ctx, w.dir, env, []string{w.listen}, p.program, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return run, nil
}

// write puts a configuration into the peer's directory.
func (w *wiring) write(name, text string) (string, error) {
	path := filepath.Join(w.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// services are the hosts that a configuration must know; none: any host.
func (w *wiring) hosts() []string {
	hosts := make([]string, w.services)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("s%d.test", i)
	}
	return hosts
}

func configureSluice(w *wiring) (args, env []string, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "listeners:\n  - address: %q\n", w.listen)
	if w.tls {
		fmt.Fprintf(&b, "    tls: {certificates: [{cert: %q, key: %q}]}\n", w.cert, w.key)
	}
	log := "off"
	if w.accessLog {
		log = filepath.Join(w.dir, "access.log") + ", format: combined"
	}
	fmt.Fprintf(&b, "admin: {address: %q}\nstate: {dir: %q}\naccess_log: {path: %s}\nservices:\n", w.admin, filepath.Join(w.dir, "state"), log)
	hosts := w.hosts()
	if len(hosts) == 0 {
		w.appendService(&b, "shop", "{path: /}")
	}
	for i, host := range hosts {
		w.appendService(&b, fmt.Sprintf("s%d", i), fmt.Sprintf("{hosts: [%s]}", host))
	}
	path, err := w.write("sluice.yaml", b.String())
	return []string{"run", "--config", path}, []string{fmt.Sprintf("GOMAXPROCS=%d", w.workers)}, err
}

func (w *wiring) appendService(b *strings.Builder, name, route string) {
	weights, further := [2]int{90, 10}, ""
	if w.mirror {
		weights, further = [2]int{100, 0}, "    mirror: {to: v2, percent: 100, methods: [GET]}\n"
	}
	if w.sticky {
		further = "    sticky: {cookie: split}\n"
	}
	fmt.Fprintf(b, "  - name: %s\n    routes: [%s]\n    stable: v1\n    versions:\n      - {name: v1, weight: %d, endpoints: [\"http://%s\"]}\n"+
		"      - {name: v2, weight: %d, endpoints: [\"http://%s\"]}\n%s", name, route, weights[0], w.one, weights[1], w.two, further)
}

// configureCaddy lists the first backend nine times: Debian's has no weights.
func configureCaddy(w *wiring) (args, env []string, err error) {
	scheme, tls := "http://", ""
	if w.tls {
		scheme, tls = "https://", fmt.Sprintf("  tls %s %s\n", w.cert, w.key)
	}
	_, port, _ := strings.Cut(w.listen, ":")
	text := fmt.Sprintf("{\n  admin off\n  auto_https disable_redirects\n  skip_install_trust\n}\n%s:%s {\n  bind 127.0.0.1\n%s  reverse_proxy {\n    to %s %s\n    lb_policy random\n"+
		"    transport http {\n      keepalive_idle_conns_per_host 1024\n    }\n  }\n}\n", scheme, port, tls, strings.Repeat("http://"+w.one+" ", 9), "http://"+w.two)
	if w.tls {
		text = strings.Replace(text, scheme+":"+port, scheme+"localhost:"+port, 1)
	}
	path, err := w.write("Caddyfile", text)
	return []string{"run", "--config", path, "--adapter", "caddyfile"}, []string{fmt.Sprintf("GOMAXPROCS=%d", w.workers), "HOME=" + w.dir}, err
}

// allCores is how many workers a peer gets when it may use the whole machine.
func allCores() int { return runtime.NumCPU() }

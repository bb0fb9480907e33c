package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"

	"sluice/internal/backend"
	"sluice/internal/trial"
)

// world is one sluice, what stands behind it, and what has been seen so far.
type world struct {
	table  trial.Table
	sluice *trial.Process
	dir    string
	rate   float64
	form   int // of the configuration, the latest written

	old, fresh  *backend.Server // rolled: v1, v2
	left, right *backend.Server // moved: v1, v2
	mirrored    *backend.Server
	target      *backend.Server // of the mirror
	mortals     []*backend.Server
	faulty      *backend.Server
	echo        *backend.Raw

	seen    tally
	quiet   []trial.Inside // after each round
	resting []int          // descriptors after each round, without those of connections to backends
	busy    [][]int64      // resident memory during each round, bytes
}

// faultShare of the answers of faulty are 500.
const faultShare = 0.02

func open(binary, dir string, rate float64) (*world, error) {
	w := &world{dir: dir, rate: rate, seen: newTally()}
	for _, b := range []struct {
		to *(*backend.Server)
		o  backend.Options
	}{
		{&w.old, backend.Options{Name: "old"}}, {&w.fresh, backend.Options{Name: "fresh"}},
		{&w.left, backend.Options{Name: "left"}}, {&w.right, backend.Options{Name: "right"}},
		{&w.mirrored, backend.Options{Name: "mirrored"}}, {&w.target, backend.Options{Name: "target"}},
		{&w.faulty, backend.Options{Name: "faulty", Behaviour: backend.Behaviour{FailShare: faultShare}}},
	} {
		server, err := backend.Start(b.o)
		if err != nil {
			return nil, err
		}
		*b.to = server
	}
	for i := range 3 {
		server, err := backend.Start(backend.Options{Name: fmt.Sprintf("mortal%d", i)})
		if err != nil {
			return nil, err
		}
		w.mortals = append(w.mortals, server)
	}
	var err error
	if w.echo, err = backend.StartRaw(echo); err != nil {
		return nil, err
	}
	w.sluice, err = trial.Start(trial.Options{Binary: binary, Dir: dir, Services: w.services(0),
		Log: fmt.Sprintf("{path: %q, format: json}", w.logFile())})
	return w, err
}

func (w *world) logFile() string { return filepath.Join(w.dir, "access.log") }

func (w *world) close() {
	if w.sluice != nil && w.sluice.Alive() {
		w.sluice.Kill()
	}
	for _, b := range append([]*backend.Server{w.old, w.fresh, w.left, w.right, w.mirrored, w.target, w.faulty}, w.mortals...) {
		b.Close()
	}
	w.echo.Close()
}

// services is the n-th form of the configuration; each differs from the one before.
func (w *world) services(n int) string {
	return fmt.Sprintf(`
  - name: rolled
    routes: [{hosts: [rolled]}]
    stable: v1
    versions: [{name: v1, weight: 100, endpoints: [%q]}, {name: v2, weight: 0, endpoints: [%q], shield: true}]
    timeouts: {idle: %ds}
    rollout:
      strategy: canary
      canary: v2
      preflight: off
      analysis: none
      standby: 1h
      stages: [{name: some, weight: 10, duration: 300ms}, {name: half, weight: 50, duration: 300ms}]
  - name: moved
    routes: [{hosts: [moved]}]
    stable: v1
    versions: [{name: v1, weight: 50, endpoints: [%q]}, {name: v2, weight: 50, endpoints: [%q]}]
  - name: mirrored
    routes: [{hosts: [mirrored]}]
    stable: v1
    versions: [{name: v1, weight: 100, endpoints: [%q]}, {name: v2, weight: 0, endpoints: [%q]}]
    timeouts: {response: 2s}
    mirror: {to: v2, percent: 100, compare: true}
  - name: dying
    routes: [{hosts: [dying]}]
    versions: [{name: v1, weight: 100, endpoints: [%q, %q, %q]}]
    retries: {attempts: 3, budget: 100%%}
  - name: faulty
    routes: [{hosts: [faulty]}]
    versions: [{name: v1, weight: 100, endpoints: [%q]}]
  - name: tunnelled
    routes: [{hosts: [tunnelled]}]
    versions: [{name: v1, weight: 100, endpoints: [%q]}]
`, w.old.URL(), w.fresh.URL(), 60+n%1000, w.left.URL(), w.right.URL(), w.mirrored.URL(), w.target.URL(),
		w.mortals[0].URL(), w.mortals[1].URL(), w.mortals[2].URL(), w.faulty.URL(), w.echo.URL())
}

// echo takes an upgrade and sends back what comes.
func echo(conn net.Conn, br *bufio.Reader) {
	for {
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		if req.Header.Get("Upgrade") == "" {
			if _, err := io.WriteString(conn, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n"); err != nil {
				return
			}
			continue
		}
		var b bytes.Buffer
		b.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		if _, err := conn.Write(b.Bytes()); err != nil {
			return
		}
		_, _ = io.Copy(conn, br) // until either side ends
		return
	}
}

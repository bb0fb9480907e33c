package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// sample is one measurement.
type sample struct {
	Requests uint64  `json:"requests"`
	Failed   uint64  `json:"failed"`
	RPS      float64 `json:"requests_per_second"`
	CPU      float64 `json:"cpu_us_per_request"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	P999     float64 `json:"p999_ms,omitempty"` // of open-loop runs
	Memory   int     `json:"memory_kib"`        // proportional set size after the load
}

// wrk loads an address in a closed loop for so long, in whole seconds.
func wrk(ctx context.Context, dir, address string, s *scenario, d time.Duration) (sample, error) {
	scheme := "http://"
	if s.setup.tls {
		scheme = "https://"
	}
	connections := s.connections
	if connections == 0 {
		connections = 64
	}
	args := []string{"-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%d", max(1, int(d.Round(time.Second).Seconds()))), "--timeout", "10s", "--latency"}
	for _, line := range s.headers {
		args = append(args, "-H", line)
	}
	if s.script != "" {
		script := filepath.Join(dir, s.name+".lua")
		if err := os.WriteFile(script, []byte(s.script), 0o600); err != nil {
			return sample{}, err
		}
		args = append(args, "-s", script)
	}
	if s.setup.tls {
		address = strings.Replace(address, "127.0.0.1", "localhost", 1)
	}
	out, err := exec.CommandContext(ctx, "wrk", append(args, scheme+address+s.target())...).CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	return readWrk(out)
}

func (s *scenario) target() string {
	if s.path == "" {
		return "/"
	}
	return s.path
}

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in ([\d.]+)(us|ms|s|m)`)
	wrkLatency  = regexp.MustCompile(`(50|99)%\s+([\d.]+)(us|ms|s|m)`)
	wrkStatus   = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
	wrkErrors   = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

// readWrk reads what wrk prints.
func readWrk(out []byte) (sample, error) {
	var s sample
	m := wrkRequests.FindSubmatch(out)
	if m == nil {
		return s, fmt.Errorf("wrk printed %q", bytes.TrimSpace(out))
	}
	s.Requests, _ = strconv.ParseUint(string(m[1]), 10, 64) // digits
	if seconds := milliseconds(m[2], m[3]) / 1000; seconds > 0 {
		s.RPS = float64(s.Requests) / seconds
	}
	for _, m := range wrkLatency.FindAllSubmatch(out, -1) {
		if string(m[1]) == "50" {
			s.P50 = milliseconds(m[2], m[3])
		} else {
			s.P99 = milliseconds(m[2], m[3])
		}
	}
	if m := wrkStatus.FindSubmatch(out); m != nil {
		s.Failed, _ = strconv.ParseUint(string(m[1]), 10, 64) // digits
	}
	if m := wrkErrors.FindSubmatch(out); m != nil {
		for _, digits := range m[1:] {
			n, _ := strconv.ParseUint(string(digits), 10, 64) // digits
			s.Failed += n
		}
	}
	return s, nil
}

func milliseconds(number, unit []byte) float64 {
	v, _ := strconv.ParseFloat(string(number), 64) // as the pattern has it
	switch string(unit) {
	case "us":
		return v / 1000
	case "s":
		return v * 1000
	case "m":
		return v * 60_000
	}
	return v
}

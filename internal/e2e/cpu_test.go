package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/bench"
)

// BenchmarkCPUPerRequest compares the CPU time that sluice and nginx spend on a
// proxied request: same nginx backend, same 90/10 split, one worker each, in
// turn over several rounds, so that only the ratio is to be believed. Guard,
// metrics and statistics of sluice are on, access logs off on both sides.
func BenchmarkCPUPerRequest(b *testing.B) {
	const rounds = 5
	one, two, front := freeAddress(b), freeAddress(b), freeAddress(b)
	nginx(b, answering(one, "version one\n")+answering(two, "version two\n"))
	proxyPid := nginx(b, fmt.Sprintf(`
  split_clients "${request_id}" $version { 10%% two; * one; }
  upstream one { server %s; keepalive 128; keepalive_requests 1000000000; }
  upstream two { server %s; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen %s;
    location / { proxy_pass http://$version; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }
  }
`, one, two, front))
	reachable(b, front)
	b.Setenv("GOMAXPROCS", "1")
	p := boot(b, twoVersions("http://"+one, "http://"+two, 90, 10, ""))
	header := map[string]string{}
	for i := range 8 { // about what a browser sends
		header["X-Browser-Field-"+strconv.Itoa(i)] = strings.Repeat("v", 40)
	}
	for _, tt := range []struct {
		name   string
		header map[string]string
	}{{"small", nil}, {"browser-headers", header}} {
		b.Run(tt.name, func(b *testing.B) {
			for b.Loop() {
				var ratios, ours, theirs []float64
				for range rounds {
					n := cpuPerRequest(b, worker(b, proxyPid), front, tt.header)
					s := cpuPerRequest(b, p.cmd.Process.Pid, p.listen, tt.header)
					ratios, ours, theirs = append(ratios, s/n), append(ours, s), append(theirs, n)
				}
				b.ReportMetric(median(ours), "sluice-µs/req")
				b.ReportMetric(median(theirs), "nginx-µs/req")
				b.ReportMetric(median(ratios), "ratio")
				b.ReportMetric(slices.Max(ratios)-slices.Min(ratios), "ratio-range")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// cpuPerRequest loads address for a while and returns the µs of CPU that pid spent per answer.
func cpuPerRequest(b *testing.B, pid int, address string, header map[string]string) float64 {
	b.Helper()
	before, err := bench.ProcessCPU(pid)
	if err != nil {
		b.Fatal(err)
	}
	report, err := bench.Run(b.Context(), bench.LoadOptions{Address: address, Connections: 64, Duration: 3 * time.Second, Header: header})
	if err != nil || report.Failed() > 0 || report.Requests == 0 {
		b.Fatalf("load: %v, %d of %d failed", err, report.Failed(), report.Requests)
	}
	after, err := bench.ProcessCPU(pid)
	if err != nil {
		b.Fatal(err)
	}
	return float64((after - before).Microseconds()) / float64(report.Requests)
}

// worker is the only child of nginx's master process.
func worker(b *testing.B, master int) int {
	b.Helper()
	out, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(master), "task", strconv.Itoa(master), "children"))
	if err != nil {
		b.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.Fields(string(out))[0])
	if err != nil {
		b.Fatal(err)
	}
	return pid
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	return v[len(v)/2]
}

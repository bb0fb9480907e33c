package trial

import (
	"bytes"
	"net"
	"runtime"
	"strings"
	"testing"
)

func TestScrapeSum(t *testing.T) {
	s, err := ParseScrape("# HELP x y\nx_total{service=\"a\",version=\"v1\"} 2\nx_total{service=\"a\",version=\"v2\"} 3\nx_total{service=\"aa\",version=\"v1\"} 7\nx_totals{service=\"a\"} 9\ny 1e3\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		metric string
		labels []string
		want   float64
	}{
		{"x_total", nil, 12},
		{"x_total", []string{`service="a"`}, 5},
		{"x_total", []string{`service="a"`, `version="v2"`}, 3},
		{"x_total", []string{`ice="a"`}, 0},
		{"y", nil, 1000},
		{"z", nil, 0},
	} {
		if got := s.Sum(c.metric, c.labels...); got != c.want {
			t.Errorf("%s%v: got %g, want %g", c.metric, c.labels, got, c.want)
		}
	}
	for _, bad := range []string{"x", "x one"} {
		if _, err := ParseScrape(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestTableRemembersTheFirstBreak(t *testing.T) {
	var table Table
	Equal(&table, "sums agree", 3, 3)
	Equal(&table, "sums agree", 3, 4)
	Equal(&table, "sums agree", 5, 5)
	table.Judge("memory is flat", true, "20 MiB", "at most\n30 MiB")
	if got := table.Broken(); len(got) != 1 || got[0] != "sums agree" {
		t.Errorf("broken: got %q", got)
	}
	var out bytes.Buffer
	if err := table.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"BROKEN  sums agree      3       4\n", "ok      memory is flat  20 MiB  at most 30 MiB\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestUndecidedIsNeitherHeldNorBroken(t *testing.T) {
	var table Table
	table.Skip("disk full", "needs root")
	table.Undecided("p99", "1.7, alone 1ms–9ms", "≤ 1.5")
	if broken, open := table.Broken(), table.Open(); len(broken) != 0 || len(open) != 1 || open[0] != "p99" {
		t.Errorf("broken %q, open %q", broken, open)
	}
	var out bytes.Buffer
	if err := table.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"-          disk full", "UNDECIDED  p99        undecided: 1.7, alone 1ms–9ms  ≤ 1.5\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestKilobytes(t *testing.T) {
	if got := kilobytes([]byte("Name:\tx\nVmHWM:\t    1234 kB\nVmRSS:\t     800 kB\n"), "VmRSS"); got != 800<<10 {
		t.Errorf("got %d", got)
	}
}

func TestGoroutinesIn(t *testing.T) {
	const profile = "goroutine profile: total 9\n5 @ 0x1 0x2\n#\t0x1\tsluice/proxy.(*mirrors).work+0x1ca\t/src/mirror.go:1\n\n3 @ 0x3\n#\t0x3\tsluice/proxy.(*mirrors).Run+0x1\t/src/mirror.go:2\n\n1 @ 0x4\n#\t0x4\tmain.main+0x1\n"
	for function, want := range map[string]int{"proxy.(*mirrors).work": 5, "proxy.(*mirrors).Run": 3, "main.main": 1, "main.mai": 0} {
		if got := goroutinesIn(profile, []string{function}); got != want {
			t.Errorf("%s: got %d, want %d", function, got, want)
		}
	}
}

// The port of a connection that a client made is nobody's to listen on, and the kernel
// has thousands of them. None is at an address of FreeAddress.
func TestFreeAddressIsNoClients(t *testing.T) {
	address, err := FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client, _, _ := net.SplitHostPort(conn.LocalAddr().String())
	if host, _, _ := net.SplitHostPort(address); runtime.GOOS == "linux" && host == client {
		t.Errorf("clients and servers share %s", host)
	}
	for _, pids := range [][2]int{{1, 2}, {300, 44}, {1 << 16, 1 << 17}, {1<<22 - 1, 1<<21 - 1}} {
		if a, b := ownHost(pids[0]), ownHost(pids[1]); a.Equal(b) {
			t.Errorf("processes %v have both %v", pids, a)
		}
	}
}

// Two servers that are about to start get two addresses, also where the kernel would pick one port for both.
func TestFreeAddressIsGivenOnce(t *testing.T) {
	seen := map[string]bool{}
	for range 3000 {
		address, err := FreeAddress()
		if err != nil {
			t.Fatal(err)
		}
		if seen[address] {
			t.Fatalf("%s was given again, after %d", address, len(seen))
		}
		seen[address] = true
	}
}

// A log that explains a failure stands below the table, whole.
func TestLongCellsStandBelow(t *testing.T) {
	var table Table
	log := strings.Repeat("a line of the log\n", 50)
	table.Judge("all is well", false, log, "no error")
	var out strings.Builder
	if err := table.Print(&out); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(out.String(), "\n")[:2] {
		if len(line) > 300 {
			t.Errorf("line %d of the table has %d characters", i, len(line))
		}
	}
	if !strings.Contains(out.String(), log) {
		t.Errorf("the log is not there whole: %s", out.String())
	}
}

package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func sampleEntry() *logEntry {
	return &logEntry{
		Time:      time.Date(2026, 11, 22, 1, 2, 3, 4005000, time.FixedZone("", 3600)),
		Duration:  1500 * time.Microsecond,
		Client:    netip.MustParseAddr("192.0.2.1"),
		Method:    []byte("GET"),
		Host:      []byte("shop.example.com"),
		Target:    []byte("/a?b=c"),
		RequestID: []byte("id-1"),
		UserAgent: []byte("curl/8"),
		Referer:   []byte("http://x/"),
		Proto:     "HTTP/1.1",
		Service:   "shop", Version: "v1", Endpoint: "http://127.0.0.1:9001", Why: "weight", Outcome: "2xx",
		Status: 200, BytesIn: 1, BytesOut: 2, Attempts: 1, Upstream: time.Millisecond,
	}
}

func openTestLog(t *testing.T, o AccessLogOptions) *AccessLog {
	t.Helper()
	if o.Sample == 0 {
		o.Sample = 1
	}
	l, err := OpenAccessLog(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// runLog starts Run and returns what ends it and waits for that.
func runLog(t *testing.T, l *AccessLog) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in 20s: %s", what)
		}
	}
}

func TestAccessLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	l := openTestLog(t, AccessLogOptions{Path: path})
	stop := runLog(t, l)
	e := sampleEntry()
	for i := range 1000 {
		e.Target = fmt.Appendf(nil, "/%d", i)
		l.write(e)
	}
	eventually(t, "1000 lines", func() bool { return len(readLines(t, path)) == 1000 })
	e.Target = []byte("/last")
	l.write(e) // the writer has parked, or is about to
	stop()
	lines := readLines(t, path)
	if len(lines) != 1001 || l.Dropped() != 0 {
		t.Fatalf("%d lines, %d dropped", len(lines), l.Dropped())
	}
	for i, line := range lines[:1000] {
		if !strings.Contains(line, fmt.Sprintf(`"target":"/%d"`, i)) {
			t.Fatalf("line %d is %s", i, line)
		}
	}
}

func TestAccessLogWakesFromIdle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	l := openTestLog(t, AccessLogOptions{Path: path})
	runLog(t, l)
	for i := range 5 {
		eventually(t, "the writer parks", l.parked.Load)
		l.write(sampleEntry())
		eventually(t, "a line", func() bool { return len(readLines(t, path)) == i+1 })
	}
}

func TestAccessLogOptions(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		in   AccessLogOptions
		want string
	}{
		{"format", AccessLogOptions{Path: "stdout", Format: "xml"}, `unknown format "xml"`},
		{"sample above", AccessLogOptions{Path: "stdout", Sample: 1.1}, "sample 1.1"},
		{"sample below", AccessLogOptions{Path: "stdout", Sample: -1}, "sample -1"},
		{"directory", AccessLogOptions{Path: dir}, dir + ": is a directory"},
		{"no directory", AccessLogOptions{Path: dir + "/no/a.log"}, dir + "/no/a.log: no such file or directory"},
		{"fifo without reader", AccessLogOptions{Path: fifo}, fifo + ": no such device"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := OpenAccessLog(tt.in)
			if l != nil || err == nil || !strings.HasPrefix(err.Error(), "access log: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want %q", l, err, tt.want)
			}
		})
	}
}

func TestAccessLogOff(t *testing.T) {
	for _, path := range []string{"", "off"} {
		l, err := OpenAccessLog(AccessLogOptions{Path: path})
		if l != nil || err != nil {
			t.Fatalf("got %v, %v", l, err)
		}
		l.write(sampleEntry())
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := l.Run(ctx); err != nil || l.Reopen() != nil || l.Dropped() != 0 {
			t.Error("a log that is off did something")
		}
	}
}

func TestAccessLogSample(t *testing.T) {
	entry := func(status int, outcome string) *logEntry { return &logEntry{Status: status, Outcome: outcome} }
	tests := []struct {
		name     string
		share    float64
		in       *logEntry
		min, max int // of 10000
	}{
		{"none", 1e-300, entry(200, "2xx"), 0, 0},
		{"a tenth", 0.1, entry(200, "2xx"), 800, 1200},
		{"all", 1, entry(200, "2xx"), 10000, 10000},
		{"client error", 1e-300, entry(404, "4xx"), 0, 0},
		{"client gone", 1e-300, entry(0, "client_gone"), 0, 0},
		{"5xx", 1e-300, entry(500, "5xx"), 10000, 10000},
		{"shielded", 1e-300, entry(200, "5xx"), 10000, 10000},
		{"broken off", 1e-300, entry(200, "reset"), 10000, 10000},
		{"refused", 1e-300, entry(503, "local_refusal"), 10000, 10000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := openTestLog(t, AccessLogOptions{Path: "stderr", Sample: tt.share})
			n := 0
			for range 10000 {
				if l.wanted(tt.in) {
					n++
				}
			}
			if n < tt.min || n > tt.max {
				t.Errorf("%d of 10000, want %d to %d", n, tt.min, tt.max)
			}
		})
	}
}

func TestAccessLogFullRing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	var told bytes.Buffer
	l := openTestLog(t, AccessLogOptions{Path: path, Logger: slog.New(slog.NewTextHandler(&told, nil))})
	for range logRingLines + 7 {
		l.write(sampleEntry())
	}
	if l.Dropped() != 7 {
		t.Errorf("%d dropped, want 7", l.Dropped())
	}
	runLog(t, l)()
	if n := len(readLines(t, path)); n != logRingLines {
		t.Errorf("%d lines, want %d", n, logRingLines)
	}
	if got := told.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "lines=7") {
		t.Errorf("told %q", got)
	}
}

// Requests of many goroutines, a writer that may be slower: each line is whole
// and each is either written or counted.
func TestAccessLogConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	l := openTestLog(t, AccessLogOptions{Path: path})
	stop := runLog(t, l)
	const writers, each = 8, 5000
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			e := sampleEntry()
			e.Target = bytes.Repeat([]byte{byte('a' + w)}, 20+w)
			for range each {
				l.write(e)
			}
		})
	}
	wg.Wait()
	stop()
	lines := readLines(t, path)
	if got := uint64(len(lines)) + l.Dropped(); got != writers*each {
		t.Errorf("%d lines and %d dropped make %d, want %d", len(lines), l.Dropped(), got, writers*each)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, `{"time":"2026-`) || !strings.HasSuffix(line, `"referer":"http://x/"}`) {
			t.Fatalf("torn line %s", line)
		}
	}
}

func TestAccessLogReopen(t *testing.T) {
	dir := t.TempDir()
	path, moved := filepath.Join(dir, "access.log"), filepath.Join(dir, "access.log.1")
	l := openTestLog(t, AccessLogOptions{Path: path})
	runLog(t, l)
	l.write(sampleEntry())
	eventually(t, "the first line", func() bool { return len(readLines(t, path)) == 1 })
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	l.write(sampleEntry())
	eventually(t, "the second line", func() bool { return len(readLines(t, moved)) == 2 })
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.write(sampleEntry())
	eventually(t, "the third line", func() bool { return len(readLines(t, path)) == 1 })

	// A directory in the way: the file open now is kept.
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil {
		t.Error("opened a directory")
	}
	l.write(sampleEntry())
	eventually(t, "the fourth line", func() bool { return len(readLines(t, moved)) == 2 })
	info, err := os.Stat(moved)
	if err != nil || info.Mode().Perm()&fs.FileMode(0o007) != 0 {
		t.Errorf("mode %v, %v: others may read it", info.Mode(), err)
	}
}

func TestAccessLogDiskFull(t *testing.T) {
	var told bytes.Buffer
	l := openTestLog(t, AccessLogOptions{Path: "/dev/full", Logger: slog.New(slog.NewTextHandler(&told, nil))})
	stop := runLog(t, l)
	for i := range 5 {
		l.write(sampleEntry())
		eventually(t, "the loss is counted", func() bool { return l.Dropped() == uint64(i+1) })
	}
	stop()
	// Once while it ran, and once for the rest at the end.
	if got := told.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "no space left") {
		t.Errorf("told %q", got)
	}
}

// After half a line went out, the next one must not be glued to it.
func TestAccessLogTornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	s, err := openLogSink(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if _, err := s.put([]byte("half")); err != nil {
		t.Fatal(err)
	}
	s.torn = true
	if err := s.write([]byte("whole\n")); err != nil {
		t.Fatal(err)
	}
	if got := readLines(t, path); len(got) != 2 || got[1] != "whole" {
		t.Errorf("got %q", got)
	}
}

func openFIFO(t *testing.T) (path string, reader *os.File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	return path, reader
}

// Lines must arrive whole through a pipe whose reader is slow to begin.
func TestAccessLogPipe(t *testing.T) {
	path, reader := openFIFO(t)
	l := openTestLog(t, AccessLogOptions{Path: path})
	runLog(t, l)
	const lines = 2000
	for range lines {
		l.write(sampleEntry())
	}
	in := bufio.NewScanner(reader)
	for range lines {
		if !in.Scan() {
			t.Fatalf("ended: %v, %d dropped", in.Err(), l.Dropped())
		}
		if !strings.HasPrefix(in.Text(), `{"time"`) || !strings.HasSuffix(in.Text(), `}`) {
			t.Fatalf("torn line %s", in.Text())
		}
	}
}

// A reader that stopped reading costs lines, never a request, and does not hold up the end.
func TestAccessLogStalledPipe(t *testing.T) {
	path, _ := openFIFO(t)
	l := openTestLog(t, AccessLogOptions{Path: path})
	stop := runLog(t, l)
	for range 1000 { // 64 KiB of pipe hold about 160 lines
		l.write(sampleEntry())
	}
	eventually(t, "lines are given up", func() bool { return l.Dropped() > 500 })
	l.write(sampleEntry())
	stop()
}

func TestAccessLogReaderGone(t *testing.T) {
	path, reader := openFIFO(t)
	l := openTestLog(t, AccessLogOptions{Path: path})
	runLog(t, l)
	reader.Close()
	l.write(sampleEntry())
	eventually(t, "the loss is counted", func() bool { return l.Dropped() == 1 })
}

// The end of whatever reads our stdout must not be our end.
func TestAccessLogSurvivesStdout(t *testing.T) {
	if os.Getenv("SLUICE_TEST_STDOUT") != "" {
		l := openTestLog(t, AccessLogOptions{Path: "stdout"})
		stop := runLog(t, l)
		l.write(sampleEntry())
		eventually(t, "the loss is counted", func() bool { return l.Dropped() == 1 })
		stop()
		fmt.Fprintln(os.Stderr, "survived")
		os.Exit(0) // the test binary's own words would go to stdout
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestAccessLogSurvivesStdout$")
	cmd.Env = append(os.Environ(), "SLUICE_TEST_STDOUT=1")
	var told bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &told
	if err := cmd.Run(); err != nil || !strings.Contains(told.String(), "survived") {
		t.Errorf("%v: %s", err, told.String())
	}
}

func TestAccessLogAllocatesNothing(t *testing.T) {
	for _, format := range []string{"json", "combined"} {
		l := openTestLog(t, AccessLogOptions{Path: "stderr", Format: format})
		e := sampleEntry()
		e.Target = []byte("/\"\x01\xff\u2028")
		turn := func() {
			l.write(e)
			l.ring.free(l.ring.peek())
		}
		for range logRingLines {
			turn()
		}
		if n := testing.AllocsPerRun(1000, turn); n != 0 {
			t.Errorf("%s: %v allocations a line", format, n)
		}
	}
}

func BenchmarkAccessLog(b *testing.B) {
	for _, format := range []string{"json", "combined"} {
		b.Run(format, func(b *testing.B) {
			l, err := OpenAccessLog(AccessLogOptions{Path: "stderr", Format: format, Sample: 1})
			if err != nil {
				b.Fatal(err)
			}
			e := sampleEntry()
			b.ReportAllocs()
			for b.Loop() {
				l.write(e)
				l.ring.free(l.ring.peek())
			}
		})
	}
}

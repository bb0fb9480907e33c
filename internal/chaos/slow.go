package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sluice/bench"
	"sluice/internal/trial"
)

// slowClients holds the latency of good clients beside 10,000 slow ones against that without.
func (l *lab) slowClients() error {
	count, rounds, length := l.slowCount(), 5, 5*time.Second
	if l.short {
		count, rounds, length = min(count, 600), 1, 2*time.Second
	}
	good, err := server("good", 100)
	if err != nil {
		return err
	}
	defer good.Close()
	// What stands for other machines has processes of its own, which give way.
	slow, err := l.aside("-be-slow-backend")
	if err != nil {
		return err
	}
	defer slow.end()
	services := fmt.Sprintf(`  - name: shop
    routes: [{hosts: [shop]}]
    versions: [{name: v1, weight: 100, endpoints: [%q]}]
  - name: slow
    routes: [{hosts: [slow]}]
    versions: [{name: v1, weight: 100, endpoints: [%q]}]
    limits: {connections_per_version: 20000, pending_per_version: 20000}
    timeouts: {response: 10m, idle: 10m}
`, good.URL(), "http://"+slow.said)
	p, err := l.start(services, func(o *trial.Options) {
		o.Prelude = "proxy: {head_timeout: 2m, body_timeout: 1m, write_timeout: 2m}"
	})
	if err != nil {
		return err
	}
	defer p.Kill()
	d := &duel{count: count}
	for range rounds {
		if err := l.round(p, d, length); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("%d slow clients beside 500 good requests/s", count)
	l.table.Judge(name+": open to the end of each round", slices.Min(d.held) >= count*9/10, d.held, fmt.Sprintf("≥ %d", count*9/10))
	if !l.short { // one short round says nothing of latency
		l.judgeLatency(name+": p99 with / without, median of 5", d)
	}
	return nil
}

// duel is good clients alone and beside slow ones, round after round.
type duel struct {
	count               int
	held                []int // slow clients open at the end of each round
	ratios              []float64
	bases               []time.Duration // p99 alone
	seen                []string
	cpuAlone, cpuBeside time.Duration
}

func (l *lab) round(p *trial.Process, d *duel, length time.Duration) error {
	alone, usedAlone, err := l.good(p, length)
	if err != nil {
		return err
	}
	crowd, err := l.aside("-be-crowd-at", p.Listen, "-count", fmt.Sprint(d.count))
	if err != nil {
		return err
	}
	l.settle(p)
	beside, usedBeside, err := l.good(p, length)
	open, _ := strconv.Atoi(crowd.end()) // 0 if it is gone
	if err != nil {
		return err
	}
	l.table.Judge("slow clients: failed good requests", beside.Failed() == 0 && beside.Requests > 0, outcome(&beside), fmt.Sprintf("0 failed of %d", beside.Requests))
	a, b := alone.Latency.Quantile(0.99), beside.Latency.Quantile(0.99)
	d.ratios, d.bases, d.held = append(d.ratios, float64(b)/float64(a)), append(d.bases, a), append(d.held, open)
	d.seen = append(d.seen, fmt.Sprintf("%v/%v", b.Round(10*time.Microsecond), a.Round(10*time.Microsecond)))
	d.cpuAlone, d.cpuBeside = d.cpuAlone+usedAlone, d.cpuBeside+usedBeside
	l.empties("slow clients gone: connections left", p, 20*time.Second)
	return nil
}

// judgeLatency takes the median. Where it is missed and not even the good clients alone see the same
// from round to round, nothing is decided.
func (l *lab) judgeLatency(promise string, d *duel) {
	slices.Sort(d.ratios)
	slices.Sort(d.bases)
	last := len(d.ratios) - 1
	median := d.ratios[len(d.ratios)/2]
	got := fmt.Sprintf("%.2f (%.2f–%.2f) %v, CPU of sluice %v/%v", median, d.ratios[0], d.ratios[last], d.seen, d.cpuBeside, d.cpuAlone)
	if median > 1.5 && d.bases[last] > 3*d.bases[0] {
		l.table.Skip(promise, fmt.Sprintf("undecided, as without slow clients alone it ranged over %v–%v: other work on this machine; %s", d.bases[0], d.bases[last], got))
		return
	}
	l.table.Judge(promise, median <= 1.5, got, "≤ 1.5")
}

// good is the load of good clients, and the CPU time of sluice meanwhile.
func (l *lab) good(p *trial.Process, length time.Duration) (report bench.Report, used time.Duration, err error) {
	before, err := p.CPU()
	if err != nil {
		return report, 0, err
	}
	if report, err = l.load(p.Listen, 500, length, func(o *bench.LoadOptions) { o.Connections = 256 }); err != nil {
		return report, 0, err
	}
	after, err := p.CPU()
	return report, after - before, err
}

// slowAnswer is more than fits the buffers of a client that asked for small ones, and its kernel's and sluice's on the way.
const slowAnswer = 512 << 10

// slowPause lies between two bytes of a slow client, as in common tools for such attacks.
const slowPause = 10 * time.Second

// settle waits until sluice has done what the crowd's arrival costs, for 30 s at most: what is measured is their presence.
func (l *lab) settle(p *trial.Process) {
	for range 60 {
		before, _ := p.CPU() // 0 if it can't be read: then this ends at once
		if !l.pause(500 * time.Millisecond) {
			return
		}
		if after, err := p.CPU(); err != nil || after-before < 100*time.Millisecond {
			return
		}
	}
}

// slowCount is 10,000, or what the limit of descriptors leaves room for: sluice needs one for
// each client and one for two thirds of them to their backend.
func (l *lab) slowCount() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1000
	}
	return max(300, min(10_000, (int(limit.Cur)-1000)*3/5))
}

// aside is a further process of this program.
type aside struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said string // its first line, once it was ready
}

func (l *lab) aside(args ...string) (*aside, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	a := &aside{cmd: exec.CommandContext(l.ctx, "nice", append([]string{"-n", "5", self}, args...)...)}
	a.cmd.Stderr = os.Stderr
	if a.in, err = a.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.out = bufio.NewReader(out)
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	if a.said, err = a.line(); err != nil {
		a.end()
		return nil, fmt.Errorf("%q: %w", args, err)
	}
	return a, nil
}

func (a *aside) line() (string, error) {
	s, err := a.out.ReadString('\n')
	return strings.TrimSpace(s), err
}

// end lets the process end and returns its last word.
func (a *aside) end() string {
	a.in.Close()
	last, _ := a.line() // "" if it is gone
	_ = a.cmd.Wait()    // it has said what it had to say
	return last
}

// beCrowd is the process of count slow clients: it says when they are there, and at the end how many stayed.
func beCrowd(ctx context.Context, address string, count int) error {
	c, err := gather(ctx, address, count)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent lets go
	fmt.Println(c.open.Load())
	c.leave()
	return nil
}

// beSlowBackend is the process of their backend: it says its address.
func beSlowBackend() error {
	b, err := server("slow", slowAnswer)
	if err != nil {
		return err
	}
	defer b.Close()
	fmt.Println(b.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent lets go
	return nil
}

// crowd are slow clients: a third each with a slow head, a slow body, and slow reading.
type crowd struct {
	stop func()
	all  sync.WaitGroup
	open atomic.Int64
}

// gather connects count slow clients, and returns when each has sent its first bytes.
func gather(ctx context.Context, address string, count int) (*crowd, error) {
	ctx, stop := context.WithCancel(ctx)
	c := &crowd{stop: stop}
	begun := make(chan error, count)
	gate := make(chan struct{}, 200) // dials at once
	for i := range count {
		c.all.Go(func() { c.slow(ctx, address, i, gate, begun) })
	}
	for range count {
		if err := <-begun; err != nil {
			c.leave()
			return nil, err
		}
	}
	return c, nil
}

func (c *crowd) leave() { c.stop(); c.all.Wait() }

func (c *crowd) slow(ctx context.Context, address string, i int, gate chan struct{}, begun chan<- error) {
	first := [...]string{
		"GET / HTTP/1.1\r\nHost: slow\r\nX-Slow: ",
		"POST / HTTP/1.1\r\nHost: slow\r\nContent-Length: 1000000\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: slow\r\n\r\n",
	}[i%3]
	gate <- struct{}{}
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10) // a wish
		_, err = io.WriteString(conn, first)
	}
	<-gate
	begun <- err
	if err != nil {
		return
	}
	defer conn.Close()
	c.open.Add(1)
	defer c.open.Add(-1)
	piece := bytes.Repeat([]byte{'x'}, 1)
	tick := time.NewTicker(slowPause + time.Duration(i%1000)*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if i%3 == 2 {
			_, err = conn.Read(make([]byte, 1))
		} else {
			_, err = conn.Write(piece)
		}
		if err != nil {
			return
		}
	}
}

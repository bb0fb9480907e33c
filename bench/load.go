package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// LoadOptions describe a load. Only Address is required.
type LoadOptions struct {
	Address     string            // host:port that is dialled
	TLS         *tls.Config       // nil: plain text
	Method      string            // default GET
	Target      string            // path and query; default /
	Host        string            // default Address
	Header      map[string]string // further fields
	Body        []byte            // sent with Content-Length, if any
	Connections int               // keep-alive; default 16
	Rate        float64           // requests per second over all connections; 0: as fast as the connections allow
	Duration    time.Duration     // requests are begun for so long; 0: until ctx ends
	Timeout     time.Duration     // from a request's first byte out to its answer's last byte in; default 10s
	Grace       time.Duration     // for requests in flight when ctx ends; default 1s

	// Request, if set, appends the n-th request (from 0), whole and framed, in
	// place of the one described above. Called concurrently.
	Request func(dst []byte, n uint64) []byte

	// CountHeader names a field of answers whose values are counted, such as X-Backend.
	CountHeader string

	// Observer, if set, is told of every request that ended, concurrently.
	// It must be quick: the connection waits for it.
	Observer func(Result)
}

// Result is one request that ended.
type Result struct {
	N        uint64    // number of the request, from 0
	Intended time.Time // when the schedule wanted it sent; Sent in a closed loop
	Sent     time.Time // when its first byte was
	Done     time.Time // when its answer's last byte came, or it failed
	Status   int       // 0: no whole answer
	Label    string    // value of CountHeader; "" if absent
	Err      error     // nil if an answer came, whatever its status
	Retried  bool      // sent anew: an idle connection had been closed
}

// Latency is what a user who came at the intended time had to wait.
func (r Result) Latency() time.Duration { return r.Done.Sub(r.Intended) }

// Failed reports a 5xx answer, or none.
func (r Result) Failed() bool { return r.Err != nil || r.Status >= 500 }

const (
	defaultConnections = 16
	defaultTimeout     = 10 * time.Second
	defaultGrace       = time.Second
)

// Run puts o's load on the server and says what came of it. At a rate, requests are
// due on a schedule that no slow answer delays (open loop), and latencies
// count from the moment when a request was due: one that had to wait for a
// connection tells of it. When ctx ends, requests in flight get Grace; those
// without an answer then are counted as abandoned. Errors are wrong options:
// a server that is down gives a Report full of errors.
func Run(ctx context.Context, o LoadOptions) (Report, error) {
	if err := o.check(); err != nil {
		return Report{}, err
	}
	l := &load{LoadOptions: o, begin: time.Now()}
	if l.Request == nil {
		whole := o.request()
		l.Request = func(dst []byte, _ uint64) []byte { return append(dst, whole...) }
	}
	return l.run(ctx), nil
}

func (o *LoadOptions) check() error {
	if o.Address == "" {
		return errors.New("load: no address")
	}
	if o.Rate < 0 || o.Connections < 0 || o.Duration < 0 || o.Timeout < 0 || o.Grace < 0 {
		return fmt.Errorf("load: rate %v, connections %d, duration %v, timeout %v, grace %v: none may be negative",
			o.Rate, o.Connections, o.Duration, o.Timeout, o.Grace)
	}
	if o.Connections == 0 {
		o.Connections = defaultConnections
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.Method == "" {
		o.Method = "GET"
	}
	if o.Target == "" {
		o.Target = "/"
	}
	if o.Host == "" {
		o.Host = o.Address
	}
	return nil
}

func (o *LoadOptions) request() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", o.Method, o.Target, o.Host)
	for name, value := range o.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	if len(o.Body) > 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(o.Body))
	}
	b.WriteString("\r\n")
	b.Write(o.Body)
	return []byte(b.String())
}

// load is one Run.
type load struct {
	LoadOptions
	begin time.Time
	next  atomic.Uint64 // number of the next request
}

func (l *load) run(ctx context.Context) Report {
	issue, stop := ctx, context.CancelFunc(func() {})
	if l.Duration > 0 {
		issue, stop = context.WithDeadline(ctx, l.begin.Add(l.Duration))
	}
	defer stop()
	var due chan time.Time // nil: closed loop
	var wg sync.WaitGroup
	var scheduled uint64
	if l.Rate > 0 {
		due = make(chan time.Time, 1024)
		wg.Go(func() { scheduled = pace(issue, l.begin, l.Rate, due) })
	}
	clients := make([]*client, l.Connections)
	for i := range clients {
		c := newClient(l)
		clients[i] = c
		wg.Go(func() { c.run(ctx, issue, due) })
	}
	wg.Wait()
	report := newReport()
	for _, c := range clients {
		report.merge(&c.report)
	}
	report.Elapsed = time.Since(l.begin)
	if l.Rate > 0 {
		report.Unsent = scheduled - min(scheduled, l.next.Load())
	}
	return report
}

// Command chaos does to the real sluice what networks, disks, kernels and clients do, and holds it to
// the promises of docs/FAULTS.md. `make chaos` runs it. It prints one table and exits 1 when a promise was broken, or a
// scenario could not be played to its end; 2, without a table, when it could not begin. What stays undecided
// breaks nothing, and is named in the table and after it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sluice/bench"
	"sluice/internal/backend"
	"sluice/internal/trial"
)

// lab is where scenarios run, one after the other.
type lab struct {
	ctx     context.Context
	table   trial.Table
	binary  string
	dir     string
	short   bool
	started int
}

type scenario struct {
	name string
	run  func(*lab) error
}

var scenarios = []scenario{
	{"backend-leg", (*lab).backendLeg},
	{"client-leg", (*lab).clientLeg},
	{"killed", (*lab).killed},
	{"odd-answers", (*lab).oddAnswers},
	{"upheaval", (*lab).upheaval},
	{"upgrades", (*lab).upgrades},
	{"descriptors", (*lab).descriptors},
	{"disk", (*lab).diskFull},
	{"memory", (*lab).memory},
	{"clock", (*lab).clock},
	{"dns", (*lab).dns},
	{"slow-clients", (*lab).slowClients},
}

func main() {
	binary := flag.String("sluice", "bin/sluice", "the binary to try")
	only := flag.String("only", "", "scenarios, separated by commas (default: all)")
	short := flag.Bool("short", false, "leave out what takes long: dns; fewer slow clients, one round")
	crowdAt := flag.String("be-crowd-at", "", "be the process of slow clients at an address (for chaos itself)")
	count := flag.Int("count", 0, "how many (for chaos itself)")
	slowBackend := flag.Bool("be-slow-backend", false, "be the backend of slow clients (for chaos itself)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *crowdAt != "" || *slowBackend {
		become(ctx, *crowdAt, *count)
		return
	}
	table, err := run(ctx, *binary, *only, *short)
	if err == nil {
		err = table.Print(os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	for _, promise := range table.Open() {
		fmt.Fprintln(os.Stderr, "chaos: undecided, neither held nor broken:", promise)
	}
	if broken := table.Broken(); len(broken) > 0 {
		fmt.Fprintf(os.Stderr, "chaos: %d promises broken\n", len(broken))
		os.Exit(1)
	}
}

// become is this program as one of its own helpers: see aside.
func become(ctx context.Context, crowdAt string, count int) {
	var err error
	if crowdAt != "" {
		err = beCrowd(ctx, crowdAt, count)
	} else {
		err = beSlowBackend()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, binary, only string, short bool) (*trial.Table, error) {
	chosen, err := choose(only)
	if err != nil {
		return nil, err
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return nil, err
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sluice-chaos")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	l := &lab{ctx: ctx, binary: binary, dir: dir, short: short}
	for _, s := range chosen {
		begin := time.Now()
		err := s.run(l)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			l.table.Judge(s.name+": ran to its end", false, err, "no error")
		}
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.name, time.Since(begin).Round(100*time.Millisecond))
	}
	return &l.table, nil
}

// choose finds scenarios by their names, separated by commas; "" are all. A name that is none is an error: to try nothing
// would look like success.
func choose(only string) (chosen []scenario, err error) {
	if only == "" {
		return scenarios, nil
	}
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no scenario %q", name)
		}
		chosen = append(chosen, scenarios[i])
	}
	return chosen, nil
}

// start runs a sluice with these services. The caller kills it.
func (l *lab) start(services string, more ...func(*trial.Options)) (*trial.Process, error) {
	l.started++
	o := trial.Options{Binary: l.binary, Dir: filepath.Join(l.dir, fmt.Sprint(l.started)), Services: services}
	if err := os.Mkdir(o.Dir, 0o700); err != nil {
		return nil, err
	}
	for _, f := range more {
		f(&o)
	}
	return trial.Start(o)
}

// load puts a constant rate on an address, for some seconds.
func (l *lab) load(address string, rate float64, length time.Duration, more ...func(*bench.LoadOptions)) (bench.Report, error) {
	o := bench.LoadOptions{Address: address, Host: "shop", Connections: 32, Rate: rate, Duration: length, CountHeader: "X-Backend"}
	for _, f := range more {
		f(&o)
	}
	return bench.Run(l.ctx, o)
}

// none judges that no request of r failed. Those unsent, for want of a connection when the time was up, are
// shown: on a busy machine a stall at the end makes some. More than a quarter of all is a load that proves nothing.
func (l *lab) none(promise string, r *bench.Report) {
	sent := r.Requests > 0 && 4*r.Unsent <= r.Requests+r.Unsent
	l.table.Judge(promise, r.Failed() == 0 && sent, outcome(r), fmt.Sprintf("0 failed of %d, three quarters sent", r.Requests))
}

func outcome(r *bench.Report) string {
	s := fmt.Sprintf("%d failed", r.Failed())
	for status, n := range r.Status {
		if status != 200 {
			s += fmt.Sprintf(", %d: %d", status, n)
		}
	}
	for kind, n := range r.Errors {
		s += fmt.Sprintf(", %s: %d", kind, n)
	}
	if r.Unsent > 0 {
		s += fmt.Sprintf(", %d unsent", r.Unsent)
	}
	return s
}

// shop is a service with these endpoints (URLs) and further keys.
func shop(keys string, endpoints ...string) string {
	return fmt.Sprintf("  - name: shop\n    routes: [{path: /}]\n    versions: [{name: v1, weight: 100, endpoints: [%s]}]\n%s",
		quoted(endpoints), keys)
}

func quoted(all []string) string {
	var b strings.Builder
	for i, s := range all {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", s)
	}
	return b.String()
}

// server is a backend whose answers have a body of size bytes.
func server(name string, size int) (*backend.Server, error) {
	body := make([]byte, size)
	for i := range body {
		body[i] = 'x'
	}
	return backend.Start(backend.Options{Name: name, Behaviour: backend.Behaviour{Body: body}})
}

// counted sums sluice_requests_total over the labels.
func (l *lab) counted(p *trial.Process, labels ...string) (float64, error) {
	s, err := p.Scrape(l.ctx)
	return s.Sum("sluice_requests_total", labels...), err
}

// empties judges that no connection of a client is left after a while.
func (l *lab) empties(promise string, p *trial.Process, within time.Duration) {
	begin := time.Now()
	err := p.Until("no connection", within, func() bool {
		s, err := p.Scrape(l.ctx)
		return err == nil && s.Sum("sluice_connections") == 0 && s.Sum("sluice_version_in_flight") == 0
	})
	l.table.Judge(promise, err == nil, fmt.Sprintf("after %v: %v", time.Since(begin).Round(100*time.Millisecond), err == nil), fmt.Sprintf("within %v", within))
}

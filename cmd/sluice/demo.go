package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"sluice/bench"
	"sluice/config"
	"sluice/internal/backend"

	"github.com/spf13/cobra"
)

// Faults that `sluice demo --fault` knows.
const (
	faultDead   = "dead"
	faultErrors = "errors"
	faultHang   = "hang"
)

const (
	demoService = "shop"
	demoCanary  = "v2"
	demoStable  = "v1"
)

func newDemoCommand() *cobra.Command {
	var d demo
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "watch a bad version being cut off: real backends, real load, the real proxy",
		Long: `Start two backends, a load generator and the proxy in this process, break v2, and show how it is
cut off. The last line is "RESULT {json}"; the exit code is 0 only if v2 was cut and v1 was not.
The dashboard is at the address that is printed; --hold leaves it, and the traffic, until you interrupt.`,
		Example: "  sluice demo\n  sluice demo --fault hang\n  sluice demo --fault errors --duration 60s\n  sluice demo --shield\n  sluice demo --hold",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.check(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			d.screen = newScreen(cmd.OutOrStdout())
			return d.play(ctx)
		},
	}
	cmd.Flags().DurationVar(&d.duration, "duration", 30*time.Second, "length of the demo, 5s or more")
	cmd.Flags().IntVar(&d.rate, "rate", 1000, "requests per second")
	cmd.Flags().StringVar(&d.fault, "fault", faultDead, "what happens to v2: dead (every answer a 500), errors (2 % of them), hang (no answers)")
	cmd.Flags().BoolVar(&d.hold, "hold", false, "go on after the story, with the dashboard, until interrupted")
	cmd.Flags().BoolVar(&d.shield, "shield", false, "let stable answer requests that fail on v2, so that users see no failure at all")
	return cmd
}

// demo is one performance: two backends, a load generator, the proxy and its
// admin API, in one process but over sockets.
type demo struct {
	screen   screen
	duration time.Duration
	rate     int
	fault    string
	shield   bool
	hold     bool

	v1, v2  *backend.Server
	app     *app
	address string
	tally   tally
}

func (d *demo) check() error {
	switch {
	case d.fault != faultDead && d.fault != faultErrors && d.fault != faultHang:
		return fmt.Errorf("%w: --fault: got %q, want dead, errors or hang", errUsage, d.fault)
	case d.duration < 5*time.Second:
		return fmt.Errorf("%w: --duration: got %v, want 5s or more", errUsage, d.duration)
	case d.rate < 50 || d.rate > 20000:
		return fmt.Errorf("%w: --rate: got %d, want 50 to 20000 requests per second", errUsage, d.rate)
	}
	return nil
}

// play sets the stage, runs the story, and prints the result.
func (d *demo) play(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "sluice-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := d.setStage(dir); err != nil {
		return err
	}
	defer d.v1.Close()
	defer d.v2.Close()

	var parts lifetimes
	background := context.WithoutCancel(ctx)
	parts.start(background, "proxy", d.app.run)
	parts.start(background, "load", d.load)
	err = d.tell(ctx)
	if d.hold && err == nil && ctx.Err() == nil {
		d.v2.Set(usual)
		err = d.conclude()
		<-ctx.Done()
		return errors.Join(err, parts.stop())
	}
	d.v2.Set(backend.Behaviour{}) // requests that hang may end
	if err = errors.Join(err, parts.stop()); err != nil {
		return err
	}
	return d.conclude()
}

// usual is a backend that is well.
var usual = backend.Behaviour{Delay: time.Millisecond, Jitter: 2 * time.Millisecond}

// dashboard is where the story can be watched in a browser.
func (d *demo) dashboard() string {
	ln, _ := d.app.adminHost.current()
	return "http://" + ln.Addr().String() + "/"
}

// setStage starts the backends and wires the proxy in front of them.
func (d *demo) setStage(dir string) (err error) {
	if d.v1, err = backend.Start(backend.Options{Name: demoStable, Behaviour: usual}); err != nil {
		return err
	}
	if d.v2, err = backend.Start(backend.Options{Name: demoCanary, Behaviour: usual}); err != nil {
		d.v1.Close()
		return err
	}
	if d.address, err = freeAddress(); err != nil {
		return err
	}
	cfg, err := config.Parse("demo.yaml", []byte(d.configuration(dir)), config.ParseOptions{})
	if err != nil {
		return err
	}
	d.app, err = newApp(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	return err
}

func (d *demo) configuration(dir string) string {
	return fmt.Sprintf(`listeners: [{address: %q}]
admin: {address: "127.0.0.1:0"}
state: {dir: %q}
access_log: {path: off}
drain: {delay: 0s, timeout: 2s}
services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: 90, endpoints: [%q]}
      - {name: v2, weight: 10, endpoints: [%q], shield: %t}
    timeouts: {response: 10s}
    guard:
      trip: {cooldown: 2s}
      breach: {error_rate: ["> 1.5x stable"]}
`, d.address, dir, d.v1.URL(), d.v2.URL(), d.shield)
}

// freeAddress finds a loopback port that is free at the moment.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// load is the demo's users: a constant rate, whatever the answers do.
func (d *demo) load(ctx context.Context) error {
	connections := 64
	if d.fault == faultHang {
		connections = 1024 // those that hang are busy
	}
	_, err := bench.Run(ctx, bench.LoadOptions{
		Address: d.address, Rate: float64(d.rate), Connections: connections,
		Timeout: 15 * time.Second, CountHeader: "X-Backend", Observer: d.observe,
	})
	return err
}

// observe counts one answer. A request that hangs on v2 ends as a 504 of the
// proxy's own, which names no backend.
func (d *demo) observe(r bench.Result) {
	bad := r.Err != nil || r.Status >= 500
	canary := r.Label == demoCanary || d.fault == faultHang && r.Status == 504
	d.tally.add(r.Sent, r.Done, bad, canary)
}

// tell runs the story: all is well, v2 goes bad, it is cut, it is repaired.
func (d *demo) tell(ctx context.Context) error {
	board := newBoard(d)
	board.say("%s takes 90 %%, %s takes 10 %% of %d requests/s, through sluice on %s", demoStable, demoCanary, d.rate, d.address)
	board.say("dashboard: %s", d.dashboard())
	breaks := time.NewTimer(d.duration / 4)
	repair := time.NewTimer(d.repairAfter())
	ends := time.NewTimer(d.duration)
	redraw := time.NewTicker(board.period())
	defer breaks.Stop()
	defer repair.Stop()
	defer ends.Stop()
	defer redraw.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ends.C:
			board.draw()
			return nil
		case <-breaks.C:
			d.breakCanary(board)
		case <-repair.C:
			d.v2.Set(usual)
			board.say("%s is repaired now", demoCanary)
		case <-redraw.C:
			board.draw()
		}
	}
}

// repairAfter leaves time to come back after a trip. A few errors are the
// verdict's, which takes its time and is final.
func (d *demo) repairAfter() time.Duration {
	if d.fault == faultErrors {
		return d.duration * 9 / 10
	}
	return d.duration * 6 / 10
}

func (d *demo) breakCanary(board *board) {
	switch d.fault {
	case faultDead:
		board.say("%s is broken now: every answer is a 500", demoCanary)
		d.v2.Set(backend.Behaviour{FailShare: 1})
	case faultErrors:
		board.say("%s is broken now: 2 %% of its answers are a 500", demoCanary)
		d.v2.Set(backend.Behaviour{FailShare: 0.02, Delay: time.Millisecond, Jitter: 2 * time.Millisecond})
	case faultHang:
		board.say("%s is broken now: it accepts requests and never answers", demoCanary)
		d.v2.Set(backend.Behaviour{Hang: true})
	}
}

// result is the RESULT line of the contract.
type result struct {
	Cut             bool    `json:"cut"`
	DetectMS        float64 `json:"detect_ms"`
	ExposedFailures uint64  `json:"exposed_failures"`
	Requests        uint64  `json:"requests"`
	FailedRequests  uint64  `json:"failed_requests"`
	Fault           string  `json:"fault"`
	Evidence        string  `json:"evidence,omitempty"`
}

// conclude prints what users saw, and the RESULT line last.
func (d *demo) conclude() error {
	r := result{Fault: d.fault}
	stableCut := false
	var cutAt time.Time
	for _, dec := range d.app.controller.Decisions(demoService) {
		if dec.Action != "cut" && dec.Action != "quarantine" {
			continue
		}
		if dec.Version != demoCanary {
			stableCut = true
			continue
		}
		r.Cut, cutAt, r.Evidence = true, dec.Time, dec.Summary // newest first: the first cut stays
	}
	d.tally.fill(&r, cutAt)
	s := d.screen
	verdict := s.paint(green, "v2 was cut off")
	if !r.Cut {
		verdict = s.paint(red, "v2 was NOT cut off")
	}
	fmt.Fprintf(s.w, "\n%s: %d bad answers of v2 reached users,\n%d other requests failed, %d requests in all\n",
		verdict, r.ExposedFailures, r.FailedRequests, r.Requests)
	if r.Cut && r.DetectMS > 0 {
		fmt.Fprintf(s.w, "from the first bad answer to the first request after the cut: %.1f ms\n", r.DetectMS)
	}
	if r.Evidence != "" {
		fmt.Fprintln(s.w, strings.Join(wrap(r.Evidence, s.width(), "  "), "\n"))
	}
	if d.hold {
		fmt.Fprintf(s.w, "\nit goes on, with the dashboard at %s, until you interrupt\n", d.dashboard())
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.w, "\nRESULT %s\n", line)
	if !r.Cut || stableCut {
		return errSilent
	}
	return nil
}

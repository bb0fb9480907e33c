package main

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"time"

	"sluice/bench"
	"sluice/internal/backend"
	"sluice/internal/toxic"
	"sluice/internal/trial"
)

const patient = "    timeouts: {connect: 500ms, response: 1s, idle: 2s}\n    retries: {attempts: 3, on: [connect_error, reset, timeout], budget: 100%}\n"

// leg is one sluice with a toxic proxy before one of its backends.
type leg struct {
	sick, well *backend.Server
	toxic      *toxic.Proxy
	sluice     *trial.Process
}

func (g *leg) close() {
	if g.sluice != nil {
		g.sluice.Kill()
	}
	g.toxic.Close()
	g.sick.Close()
	g.well.Close()
}

// leg starts one. alone: there is no other endpoint than the sick one. keys stand in place of patient.
func (l *lab) leg(size int, alone bool, keys ...string) (*leg, error) {
	g := &leg{}
	var err error
	if g.sick, err = server("sick", size); err != nil {
		return nil, err
	}
	if g.well, err = server("well", size); err != nil {
		return nil, err
	}
	if g.toxic, err = toxic.Start(g.sick.Addr()); err != nil {
		return nil, err
	}
	endpoints := []string{"http://" + g.toxic.Addr(), g.well.URL()}
	if alone {
		endpoints = endpoints[:1]
	}
	g.sluice, err = l.start(shop(cmp.Or(strings.Join(keys, ""), patient), endpoints...))
	return g, err
}

// hurt is one fault on one leg, and how it shows in the time that answers take. What is too fast breaks
// the promise as well as what is too slow: a toxic that does nothing proves nothing.
type hurt struct {
	name     string
	up, down toxic.Toxic
	size     int
	alone    bool          // there is no other endpoint
	closing  bool          // the backend closes after each answer
	spared   bool          // requests soon go round the sick endpoint
	fastest  time.Duration // no answer sooner
	slowest  time.Duration // none later; and some later than atLeast
	atLeast  time.Duration
	median   time.Duration // half of them sooner; 0: not judged
}

// bite judges how long answers took, and that none failed.
func (l *lab) bite(leg string, h *hurt, address string) (bench.Report, error) {
	var mu sync.Mutex
	fastest := time.Hour
	report, err := l.load(address, 100, 4*time.Second, func(o *bench.LoadOptions) {
		o.Connections = 150
		o.Observer = func(r bench.Result) {
			if r.Err == nil {
				mu.Lock()
				fastest = min(fastest, r.Done.Sub(r.Sent))
				mu.Unlock()
			}
		}
	})
	if err != nil {
		return report, err
	}
	promise := leg + ", " + h.name
	l.none(promise+": failed requests", &report)
	if h.fastest > 0 {
		l.table.Judge(promise+": fastest answer", fastest >= h.fastest, fastest.Round(time.Millisecond), fmt.Sprint("≥ ", h.fastest))
	}
	slowest := report.Latency.Max()
	want := fmt.Sprint("≤ ", h.slowest)
	if h.atLeast > 0 {
		want = fmt.Sprintf("%v–%v", h.atLeast, h.slowest)
	}
	l.table.Judge(promise+": slowest answer", slowest >= h.atLeast && slowest <= h.slowest, slowest.Round(time.Millisecond), want)
	if h.median > 0 {
		median := report.Latency.Quantile(0.5)
		l.table.Judge(promise+": half of the answers", median < h.median, median.Round(time.Millisecond), fmt.Sprint("< ", h.median))
	}
	return report, nil
}

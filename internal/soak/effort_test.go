package main

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/bench"
	"sluice/internal/trial"
)

func TestEffort(t *testing.T) {
	const sent, answered = "shop: sent of what each round planned", "shop: answered of what each round sent"
	for _, c := range []struct {
		name   string
		report bench.Report
		broken []string
	}{
		{"all", bench.Report{Requests: 480, Status: map[int]uint64{200: 478, 503: 2}}, nil},
		{"a few late ones", bench.Report{Requests: 432, Status: map[int]uint64{200: 432}, Unsent: 48}, nil},
		{"stalled", bench.Report{Requests: 431, Status: map[int]uint64{200: 431}, Unsent: 49}, []string{sent}},
		{"nothing", bench.Report{}, []string{sent}},
		{"one without an answer", bench.Report{Requests: 480, Status: map[int]uint64{200: 479}, Errors: map[string]uint64{"reset": 1}}, []string{answered}},
		{"one abandoned", bench.Report{Requests: 479, Status: map[int]uint64{200: 479}, Abandoned: 1}, []string{answered}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var table trial.Table
			newEffort(120, 4*time.Second, &c.report).judge(&table, "shop")
			if got := table.Broken(); !slices.Equal(got, c.broken) {
				t.Errorf("broken: got %q, want %q", got, c.broken)
			}
		})
	}
}

// A generator whose connections all wait for a server that is silent sends next to nothing.
func TestStalledGeneratorIsNoSuccess(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // its kernel accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	const length = 200 * time.Millisecond
	report, err := bench.Run(context.Background(), bench.LoadOptions{Address: ln.Addr().String(), Connections: 1, Rate: 100, Duration: length, Timeout: length})
	if err != nil {
		t.Fatal(err)
	}
	var table trial.Table
	newEffort(100, length, &report).judge(&table, "silent")
	if got := table.Broken(); len(got) != 2 {
		t.Errorf("broken: got %q, want what was sent and what was answered", got)
	}
	var out bytes.Buffer
	if err := table.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"of 20: the generator stalled", "timeout:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestIdleTroubleIsNoSuccess(t *testing.T) {
	seen := newTally()
	for _, n := range []*uint64{&seen.reloads, &seen.moves, &seen.rollouts, &seen.switching, &seen.deaths, &seen.suffered, &seen.tunnels, &seen.echoes} {
		*n = 3
	}
	first := seen.troubles()
	seen.reloads++
	var all, later trial.Table
	judgeTroubles(&all, nil, first)
	if got := all.Broken(); len(got) != 0 {
		t.Errorf("all acted: broken %q", got)
	}
	judgeTroubles(&later, first, seen.troubles())
	if got := later.Broken(); len(got) != 1 {
		t.Errorf("only reloads acted since: broken %q", got)
	}
}

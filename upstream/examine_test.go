package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestExamineAsksAnewAndChangesNothing(t *testing.T) {
	var ready atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	p := retired(t, Options{Endpoints: []Address{addressOf(strings.TrimPrefix(s.URL, "http://"), "http")},
		Health: &Health{Checks: []Check{{Path: "/health"}}}})
	e := p.Endpoints()[0]
	if err := p.Examine(t.Context(), e); err == nil || !strings.Contains(err.Error(), "status 503, want 200") {
		t.Errorf("got %v", err)
	}
	if !e.Healthy() || e.Ejected() {
		t.Error("a question put the endpoint out of service")
	}
	ready.Store(true)
	if err := p.Examine(t.Context(), e); err != nil {
		t.Error(err)
	}
	unchecked := retired(t, Options{Endpoints: literals(1)})
	if err := unchecked.Examine(t.Context(), unchecked.Endpoints()[0]); err != nil {
		t.Errorf("without checks: %v", err)
	}
}

func TestReach(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Start()
	address := addressOf(strings.TrimPrefix(s.URL, "http://"), "http")
	p := retired(t, Options{Endpoints: []Address{address}, MaxConnections: 1})
	e := p.Endpoints()[0]
	defer conn(t, p, e, false).Release() // the only place is taken
	if state, err := e.Reach(t.Context(), patience); state != nil || err != nil {
		t.Errorf("got %v, %v", state, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Reach(ctx, patience); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	s.Close()
	if _, err := e.Reach(t.Context(), patience); err == nil {
		t.Error("a closed port was reached")
	}
}

func TestResolvedLooksNamesUp(t *testing.T) {
	known := retired(t, Options{Endpoints: literals(2)})
	if got := known.Resolved(); len(got) != 2 {
		t.Errorf("literals: got %d", len(got))
	}
	a := addressOf("127.9.0.1:80", "http")
	a.Host = "shop.internal"
	p := retired(t, Options{Endpoints: []Address{a}, Resolver: oneAddress{}, ConnectTimeout: time.Second})
	if got := p.Resolved(); len(got) != 1 || got[0].Addr() != "127.9.0.7:80" {
		t.Errorf("a name: got %v", got)
	}
}

type oneAddress struct{}

func (oneAddress) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.9.0.7")}, nil
}

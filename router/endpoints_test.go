package router

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"sluice/analysis"
	"sluice/config"
	"sluice/upstream"
)

// tripled is shop with three endpoints of v2.
func tripled() config.Service {
	s := shop(9000, 1000)
	s.Versions[1].Endpoints = nil
	for i := range 3 {
		s.Versions[1].Endpoints = append(s.Versions[1].Endpoints,
			config.Endpoint{URL: fmt.Sprintf("http://127.0.0.1:%d", 9101+i), Scheme: "http", Host: "127.0.0.1", Port: 9101 + i})
	}
	return s
}

func counted(endpoint string, requests, failed uint64) analysis.EndpointCounts {
	return analysis.EndpointCounts{Endpoint: endpoint, Counts: analysis.Counts{Requests: requests, Failed: failed}}
}

func TestEndpointCountsLiveOnOverTables(t *testing.T) {
	l, s := live(t, tripled())
	want := []analysis.EndpointCounts{counted("127.0.0.1:9101", 0, 0), counted("127.0.0.1:9102", 0, 0), counted("127.0.0.1:9103", 0, 0)}
	for n := range 900 {
		e, err := s.Pools[1].Pick(nil)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.Index(s.Pools[1].Endpoints(), e)
		failed := i == 1 && n%2 == 0
		want[i].Requests++
		if failed {
			want[i].Failed++
		}
		e.Judge(failed)
		e.Done(failed)
	}
	l.Store(build(t, l.Load(), tripled()))
	if got := l.Endpoints("shop", "v2", nil); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := l.Endpoints("shop", "v1", want); !slices.Equal(got, []analysis.EndpointCounts{counted("127.0.0.1:9001", 0, 0)}) {
		t.Errorf("v1: got %v", got)
	}
	if got := append(l.Endpoints("shop", "v9", nil), l.Endpoints("nope", "v1", nil)...); len(got) != 0 {
		t.Errorf("unknown ones: got %v", got)
	}
	room := make([]analysis.EndpointCounts, 0, 3)
	if n := testing.AllocsPerRun(100, func() { room = l.Endpoints("shop", "v2", room) }); n != 0 {
		t.Errorf("%v allocations with room for the counts", n)
	}
}

func TestExpelByAddress(t *testing.T) {
	l, s := live(t, tripled())
	for _, tc := range []struct {
		service, version, endpoint string
		want                       bool
		err                        error
	}{
		{"nope", "v2", "127.0.0.1:9102", false, nil},
		{"shop", "v9", "127.0.0.1:9102", false, nil},
		{"shop", "v2", "127.0.0.1:9001", false, nil},
		{"shop", "v2", "127.0.0.1:9102", true, nil},
		{"shop", "v2", "127.0.0.1:9102", false, nil},
		{"shop", "v2", "127.0.0.1:9103", false, upstream.ErrTooManyOut},
		{"shop", "v1", "127.0.0.1:9001", false, upstream.ErrTooManyOut},
	} {
		if got, err := l.Expel(tc.service, tc.version, tc.endpoint, "bad"); got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s %s %s: got %v, %v, want %v, %v", tc.service, tc.version, tc.endpoint, got, err, tc.want, tc.err)
		}
	}
	for i, e := range s.Pools[1].Endpoints() {
		if e.Ejected() != (i == 1) {
			t.Errorf("endpoint %d: ejected %v", i, e.Ejected())
		}
	}
}

package router

import (
	"fmt"
	"testing"

	"sluice/config"
)

// shop is a service with versions of the given weights (hundredths of a
// percent) named v1, v2, …; v1 is stable.
func shop(bp ...int) config.Service {
	s := config.Service{Name: "shop", Stable: "v1", Routes: []config.Route{{Path: config.Path{Prefix: "/"}}}}
	for i, w := range bp {
		s.Versions = append(s.Versions, config.Version{
			Name:      fmt.Sprintf("v%d", i+1),
			WeightBP:  w,
			Endpoints: []config.Endpoint{{URL: fmt.Sprintf("http://127.0.0.1:%d", 9001+i), Scheme: "http", Host: "127.0.0.1", Port: 9001 + i}},
		})
	}
	return s
}

func build(t testing.TB, prev *Table, services ...config.Service) *Table {
	t.Helper()
	table, err := Build(&config.Config{Services: services}, prev, nil)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// live puts services in force and returns the first.
func live(t testing.TB, services ...config.Service) (*Live, *Service) {
	t.Helper()
	l := NewLive()
	l.Store(build(t, nil, services...))
	return l, l.Load().services[0]
}

func exactly(s string) config.Match { return config.Match{Exact: &s} }
func begins(s string) config.Match  { return config.Match{Prefix: &s} }
func present(is bool) config.Match  { return config.Match{Present: &is} }

func headers(pairs ...string) (fields []Field) {
	for i := 0; i < len(pairs); i += 2 {
		fields = append(fields, Field{[]byte(pairs[i]), []byte(pairs[i+1])})
	}
	return fields
}

func get(host, path string, fields ...string) *Request {
	return &Request{Method: []byte("GET"), Host: []byte(host), Path: []byte(path), Fields: headers(fields...), Replayable: true}
}

func setState(t testing.TB, l *Live, version string, s config.State) {
	t.Helper()
	if err := l.SetState("shop", version, s); err != nil {
		t.Fatal(err)
	}
}

func setWeights(t testing.TB, l *Live, stable string, bp ...int) {
	t.Helper()
	w := config.Weights{Stable: stable, BP: map[string]int{}}
	for i, n := range bp {
		w.BP[fmt.Sprintf("v%d", i+1)] = n
	}
	if err := l.SetWeights("shop", w); err != nil {
		t.Fatal(err)
	}
}

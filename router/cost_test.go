package router

import (
	"fmt"
	"regexp"
	"testing"

	"sluice/analysis"
	"sluice/config"
)

// request is what a browser sends, with the extra fields given.
func request(host, path string, extra ...string) *Request {
	fields := append([]string{
		"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
		"Accept-Language", "en-US,en;q=0.5",
		"Accept-Encoding", "gzip, deflate, br",
	}, extra...)
	return get(host, path, fields...)
}

// kinds are services that choose in different ways, each with a request.
func kinds() []struct {
	name    string
	service config.Service
	r       *Request
} {
	rules := shop(9000, 1000)
	rules.Rules = []config.Rule{
		{Name: "beta", To: "v2", Percent: 50, When: config.When{
			Headers: map[string]config.Match{"X-Segment": {In: []string{"beta", "gamma"}}},
			Cookies: map[string]config.Match{"qa": exactly("1")},
			Query:   map[string]config.Match{"preview": {Regex: regexp.MustCompile("^y")}},
		}},
	}
	ruled := request("h7.example.com:443", "/x", "X-Segment", "gamma", "Cookie", "a=b; qa=1")
	ruled.Query = []byte("a=%20b&preview=yes")
	query := request("h7.example.com:443", "/x")
	query.Query = []byte("a=1&user=j%2Bdoe%40example.com")
	return []struct {
		name    string
		service config.Service
		r       *Request
	}{
		{"weight", shop(9000, 1000), request("h7.example.com:443", "/x")},
		{"cookie", withSticky(shop(9000, 1000), config.Sticky{Cookie: "id"}), request("h7.example.com:443", "/x", "Cookie", "a=b; id="+cookieKey(3))},
		{"new cookie", withSticky(shop(9000, 1000), config.Sticky{Cookie: "id"}), request("h7.example.com:443", "/x")},
		{"query", withSticky(shop(9000, 1000), config.Sticky{Query: "user"}), query},
		{"rule", rules, ruled},
	}
}

// among puts s among 10,000 others, under the host that kinds ask for.
func among(t testing.TB, s config.Service, n int) *Live {
	services := many(n)
	s.Name = services[7%n].Name
	s.Routes = []config.Route{{Hosts: []string{"h7.example.com"}, Path: config.Path{Prefix: "/"}}}
	services[7%n] = s
	l := NewLive()
	l.Store(build(t, nil, services...))
	return l
}

// path is what every request costs of this package.
func path(l *Live, r *Request, c *Choice, o analysis.Outcome) {
	rt := l.Load().Match(r)
	rt.Service.Pick(r, c)
	start := analysis.Now()
	rt.Service.Start(c, 1, start)
	rt.Service.Finish(c, 1, start, start+1000, o)
}

func TestNoAllocations(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			l := among(t, k.service, 10000)
			for _, o := range []analysis.Outcome{analysis.Success, analysis.ClientGone} {
				var c Choice
				n := testing.AllocsPerRun(1000, func() {
					k.r.Rand += 0x9e3779b97f4a7c15
					path(l, k.r, &c, o)
				})
				if n != 0 {
					t.Errorf("%v allocations a request, want none", n)
				}
			}
		})
	}
	t.Run("normalize", func(t *testing.T) {
		dst, raw := make([]byte, 0, 64), []byte("/a%20b/../c//d")
		if n := testing.AllocsPerRun(1000, func() { dst, _ = Normalize(dst, raw) }); n != 0 {
			t.Errorf("%v allocations, want none", n)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{1, 10000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			table := build(b, nil, many(n)...)
			r := request(fmt.Sprintf("h%d.example.com", n-1), "/some/path/below")
			b.ReportAllocs()
			for b.Loop() {
				if table.Match(r) == nil {
					b.Fatal("no route")
				}
			}
		})
		b.Run(fmt.Sprintf("prefixes=%d", n), func(b *testing.B) {
			table := build(b, nil, many(n)...)
			r := request("other.test", fmt.Sprintf("/p%d/path/below", n-1))
			b.ReportAllocs()
			for b.Loop() {
				if table.Match(r) == nil {
					b.Fatal("no route")
				}
			}
		})
	}
}

func BenchmarkPick(b *testing.B) {
	for _, k := range kinds() {
		b.Run(k.name, func(b *testing.B) {
			s := build(b, nil, k.service).services[0]
			var c Choice
			b.ReportAllocs()
			for b.Loop() {
				k.r.Rand += 0x9e3779b97f4a7c15
				s.Pick(k.r, &c)
			}
		})
	}
}

func BenchmarkRequest(b *testing.B) {
	for _, n := range []int{1, 10000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			k := kinds()[0]
			l := among(b, k.service, n)
			var c Choice
			b.ReportAllocs()
			for b.Loop() {
				k.r.Rand += 0x9e3779b97f4a7c15
				path(l, k.r, &c, analysis.Success)
			}
		})
	}
}

func BenchmarkNormalize(b *testing.B) {
	dst, raw := make([]byte, 0, 64), []byte("/api/v1/items/42")
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = Normalize(dst, raw)
	}
}

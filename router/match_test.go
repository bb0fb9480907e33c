package router

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sluice/config"
)

// routed is a service that is recognised by its name.
func routed(name string, routes ...config.Route) config.Service {
	s := shop(10000)
	s.Name, s.Routes = name, routes
	return s
}

func prefixed(p string, hosts ...string) config.Route {
	return config.Route{Hosts: hosts, Path: config.Path{Prefix: p}}
}

func matched(rt *Route) string {
	if rt == nil {
		return "none"
	}
	return rt.Service.Name
}

func TestMatchOrder(t *testing.T) {
	post := prefixed("/api", "a.example.com")
	post.Methods = []string{"POST"}
	tenant := prefixed("/api", "a.example.com")
	tenant.Methods, tenant.Headers = []string{"POST"}, map[string]config.Match{"X-Tenant": exactly("acme")}
	table := build(t, nil,
		routed("any", prefixed("/")),
		routed("any-deep", prefixed("/deep/er")),
		routed("regex", config.Route{Hosts: []string{"a.example.com"}, Path: config.Path{Regex: regexp.MustCompile(`/[a-z]+/[0-9]+`)}}),
		routed("wild", prefixed("/", "*.example.com")),
		routed("wild-longer", prefixed("/", "*.b.example.com")),
		routed("exact-host", prefixed("/", "a.example.com")),
		routed("api", prefixed("/api", "a.example.com")),
		routed("api-again", prefixed("/api/", "a.example.com")),
		routed("api-post", post),
		routed("api-tenant", tenant),
		routed("api-v1", prefixed("/api/v1", "a.example.com")),
		routed("exact-path", config.Route{Hosts: []string{"a.example.com"}, Path: config.Path{Exact: "/api/v1"}}),
		routed("conditional-host", config.Route{Hosts: []string{"c.example.com"}, Path: config.Path{Prefix: "/"}, Methods: []string{"PUT"}}),
		routed("v6", prefixed("/", "[2001:db8::1]")),
		routed("escaped", config.Route{Hosts: []string{"e.test"}, Path: config.Path{Prefix: "/a%20b"}}),
	)
	for _, tc := range []struct {
		name, method, host, path string
		fields                   []string
		want                     string
	}{
		{"any host", "GET", "other.test", "/x", nil, "any"},
		{"no host", "GET", "", "/x", nil, "any"},
		{"any host, deeper prefix", "GET", "other.test", "/deep/er/still", nil, "any-deep"},
		{"prefix ends on a boundary", "GET", "other.test", "/deep/erx", nil, "any"},
		{"exact host", "GET", "a.example.com", "/x", nil, "exact-host"},
		{"upper case", "GET", "A.Example.COM", "/x", nil, "exact-host"},
		{"port", "GET", "a.example.com:8443", "/x", nil, "exact-host"},
		{"trailing dot", "GET", "a.example.com.", "/x", nil, "exact-host"},
		{"trailing dot and port", "GET", "a.example.com.:80", "/x", nil, "exact-host"},
		{"wildcard", "GET", "z.example.com", "/x", nil, "wild"},
		{"wildcard of two labels", "GET", "y.z.example.com", "/x", nil, "wild"},
		{"longer wildcard", "GET", "x.y.b.example.com", "/x", nil, "wild-longer"},
		{"wildcard is not the bare name", "GET", "example.com", "/x", nil, "any"},
		{"wildcard base of the longer one", "GET", "b.example.com", "/x", nil, "wild"},
		{"no part of a label", "GET", "a.notexample.com", "/x", nil, "any"},
		{"exact path", "GET", "a.example.com", "/api/v1", nil, "exact-path"},
		{"longest prefix", "GET", "a.example.com", "/api/v1/x", nil, "api-v1"},
		{"exact path only", "GET", "a.example.com", "/api/v1/", nil, "api-v1"},
		{"file order", "GET", "a.example.com", "/api", nil, "api"},
		{"one condition more", "POST", "a.example.com", "/api", nil, "api-post"},
		{"two conditions more", "POST", "a.example.com", "/api", []string{"x-tenant", "acme"}, "api-tenant"},
		{"prefix over regex", "GET", "a.example.com", "/api/7", nil, "api"},
		{"regex over the root", "GET", "a.example.com", "/items/7", nil, "regex"},
		{"regex is anchored at the end", "GET", "a.example.com", "/items/7/x", nil, "exact-host"},
		{"regex is anchored at the start", "GET", "a.example.com", "/x/items/7", nil, "exact-host"},
		{"conditions of the host fail", "GET", "c.example.com", "/x", nil, "wild"},
		{"conditions of the host hold", "PUT", "c.example.com", "/x", nil, "conditional-host"},
		{"IPv6 literal", "GET", "[2001:DB8::1]:443", "/x", nil, "v6"},
		{"IPv6 literal without brackets", "GET", "2001:db8::1", "/x", nil, "v6"},
		{"IPv6 literal never closed", "GET", "[2001:db8::1", "/x", nil, "any"},
		{"host longer than any", "GET", strings.Repeat("a", 300) + ".example.com", "/x", nil, "any"},
		{"route written with an escape", "GET", "e.test", "/a b/c", nil, "escaped"},
		{"asterisk form", "OPTIONS", "a.example.com", "*", nil, "exact-host"},
		{"empty path", "GET", "a.example.com", "", nil, "exact-host"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := get(tc.host, tc.path, tc.fields...)
			r.Method = []byte(tc.method)
			if got := matched(table.Match(r)); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestMatchNothing(t *testing.T) {
	table := build(t, nil, routed("only", prefixed("/api", "a.test")))
	for _, r := range []*Request{get("b.test", "/api"), get("a.test", "/"), get("a.test", "/ap")} {
		if rt := table.Match(r); rt != nil {
			t.Errorf("%s%s: got %s, want none", r.Host, r.Path, rt.Service.Name)
		}
	}
	if rt := new(Table).Match(get("a.test", "/api")); rt != nil {
		t.Errorf("empty table: got %s, want none", rt.Service.Name)
	}
}

func TestConditions(t *testing.T) {
	header := func(m config.Match) config.Route {
		return config.Route{Headers: map[string]config.Match{"X-Segment": m}}
	}
	cookie := func(m config.Match) config.Route {
		return config.Route{Cookies: map[string]config.Match{"qa": m}}
	}
	query := func(m config.Match) config.Route {
		return config.Route{Query: map[string]config.Match{"q x": m}}
	}
	in := config.Match{In: []string{"a", "b b"}}
	re := config.Match{Regex: regexp.MustCompile(`^b.b$`)}
	for _, tc := range []struct {
		name   string
		route  config.Route
		query  string
		fields []string
		want   bool
	}{
		{"header exact", header(exactly("b")), "", []string{"x-segment", "b"}, true},
		{"header differs", header(exactly("b")), "", []string{"x-segment", "B"}, false},
		{"header missing", header(exactly("")), "", nil, false},
		{"second line", header(exactly("b")), "", []string{"X-Segment", "a", "X-SEGMENT", "b"}, true},
		{"header in", header(in), "", []string{"X-Segment", "b b"}, true},
		{"header not in", header(in), "", []string{"X-Segment", "b"}, false},
		{"header prefix", header(begins("be")), "", []string{"X-Segment", "beta"}, true},
		{"header regex", header(re), "", []string{"X-Segment", "bxb"}, true},
		{"header regex fails", header(re), "", []string{"X-Segment", "bxxb"}, false},
		{"header present", header(present(true)), "", []string{"X-Segment", ""}, true},
		{"header not present", header(present(true)), "", nil, false},
		{"header absent", header(present(false)), "", []string{"X-Other", "1"}, true},
		{"header not absent", header(present(false)), "", []string{"X-Segment", "1"}, false},
		{"cookie", cookie(exactly("1")), "", []string{"Cookie", "a=b; qa=1; c=d"}, true},
		{"cookie without space", cookie(exactly("1")), "", []string{"Cookie", "a=b;qa=1"}, true},
		{"cookie quoted", cookie(exactly("1")), "", []string{"Cookie", `qa="1"`}, true},
		{"cookie on a second line", cookie(exactly("1")), "", []string{"Cookie", "a=b", "cookie", "qa=1"}, true},
		{"cookie named alike", cookie(exactly("1")), "", []string{"Cookie", "xqa=1; QA=1; qa2=1"}, false},
		{"cookie without value", cookie(present(true)), "", []string{"Cookie", "qa"}, false},
		{"cookie with an empty value", cookie(present(true)), "", []string{"Cookie", "qa="}, true},
		{"cookie absent", cookie(present(false)), "", []string{"Cookie", "; ;=; a=b"}, true},
		{"cookie not absent", cookie(present(false)), "", []string{"Cookie", "qa=2"}, false},
		{"query", query(exactly("b&=")), "a=1&q+x=b%26%3D", nil, true},
		{"query name with %20", query(exactly("1")), "q%20x=1", nil, true},
		{"query differs", query(exactly("1")), "q%20x=12", nil, false},
		{"query in", query(in), "q+x=b+b", nil, true},
		{"query prefix", query(begins("b b")), "q+x=b%20bc", nil, true},
		{"query regex", query(re), "q+x=b%20b", nil, true},
		{"query regex, nothing escaped", query(re), "q+x=bxb", nil, true},
		{"query second value", query(exactly("2")), "q+x=1&&q+x=2", nil, true},
		{"query without value", query(present(true)), "q+x", nil, true},
		{"query absent", query(present(false)), "qx=1", nil, true},
		{"query not absent", query(present(false)), "q+x=", nil, false},
		{"query bad escape stands for itself", query(exactly("%zz%")), "q+x=%zz%", nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table := build(t, nil, routed("s", tc.route))
			r := get("a.test", "/", tc.fields...)
			r.Query = []byte(tc.query)
			if got := table.Match(r) != nil; got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestEmptyConditionIsRefused(t *testing.T) {
	s := routed("s", config.Route{Headers: map[string]config.Match{"X": {}}})
	if _, err := Build(&config.Config{Services: []config.Service{s}}, nil, nil); err == nil {
		t.Error("got no error for a condition that asks nothing")
	}
}

// many is n services, each with a host and a prefix of its own.
func many(n int) []config.Service {
	services := make([]config.Service, n)
	for i := range services {
		s := shop(9000, 1000)
		s.Name = fmt.Sprintf("s%d", i)
		s.Routes = []config.Route{prefixed(fmt.Sprintf("/p%d", i)), prefixed("/", fmt.Sprintf("h%d.example.com", i))}
		services[i] = s
	}
	return services
}

func TestLongPathsCostNoMoreThanTheDeepestPrefix(t *testing.T) {
	table := build(t, nil, routed("deep", prefixed("/a/b/c")), routed("any", prefixed("/")))
	if got := matched(table.Match(get("x", "/a/b/c"+strings.Repeat("/z", 10000)))); got != "deep" {
		t.Errorf("got %s, want deep", got)
	}
	if got := matched(table.Match(get("x", strings.Repeat("/a", 10000)))); got != "any" {
		t.Errorf("got %s, want any", got)
	}
}

// TestIdleMemory keeps 10,000 idle services of two versions under 100 MiB.
func TestIdleMemory(t *testing.T) {
	services := many(10000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table := build(t, nil, services...)
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("10,000 services: %.1f MiB", float64(used)/(1<<20))
	if used > 100<<20 {
		t.Errorf("10,000 idle services take %d bytes, want at most 100 MiB", used)
	}
	if got := matched(table.Match(get("h9999.example.com", "/"))); got != "s9999" {
		t.Errorf("got %s, want s9999", got)
	}
}

// FuzzMatch compares the index with the documented order, followed to the letter.
func FuzzMatch(f *testing.F) {
	f.Add("a.example.com", "/api/v1", "GET", "a=1", "qa=1")
	f.Add("x.y.example.com:80", "/api/", "POST", "a=%31", "")
	f.Add("[::1]:80", "/x/9", "GET", "", "a;b")
	table, plain := fuzzTable(f)
	f.Fuzz(func(t *testing.T, host, raw, method, query, cookie string) {
		path, _ := Normalize(nil, []byte(raw))
		r := get(host, string(path), "Cookie", cookie)
		r.Method, r.Query = []byte(method), []byte(query)
		want := "none"
		for _, c := range plain {
			if c.fits(r) {
				want = c.name
				break
			}
		}
		if got := matched(table.Match(r)); got != want {
			t.Errorf("%s %q %q ?%q %q: got %s, want %s", method, host, path, query, cookie, got, want)
		}
	})
}

// plainRoute is one route under one host.
type plainRoute struct {
	name, host string
	path       pathTest
	when       conditions
	order      int
}

func fuzzTable(f *testing.F) (*Table, []plainRoute) {
	var services []config.Service
	var plain []plainRoute
	for _, host := range []string{"", "a.example.com", "*.example.com", "*.y.example.com", "*.com", "::1"} {
		for _, path := range []config.Path{{Prefix: "/"}, {Prefix: "/api"}, {Prefix: "/api/v1/"}, {Exact: "/api"}, {Exact: "/api/v1"}, {Regex: regexp.MustCompile(`/x/[0-9]+`)}} {
			for n, rt := range []config.Route{{}, {Methods: []string{"GET"}, Query: map[string]config.Match{"a": exactly("1")}}, {Cookies: map[string]config.Match{"qa": present(true)}}} {
				if n == 0 && (host == "" || host == "*.com") {
					continue // leaves some requests without a route
				}
				rt.Path = path
				if host != "" {
					rt.Hosts = []string{host}
				}
				s := routed(fmt.Sprintf("s%d", len(services)), rt)
				services = append(services, s)
				p := plainRoute{name: s.Name, host: host, order: len(services)}
				p.path, _ = compilePath(path)
				p.when, _ = compileConditions(rt.Methods, rt.Headers, rt.Cookies, rt.Query)
				plain = append(plain, p)
			}
		}
	}
	slices.SortStableFunc(plain, plainRoute.compare)
	return build(f, nil, services...), plain
}

func (p plainRoute) rank() [4]int {
	host := [2]int{2, 0} // any
	if suffix, ok := strings.CutPrefix(p.host, "*."); ok {
		host = [2]int{1, -len(suffix)}
	} else if p.host != "" {
		host = [2]int{0, 0}
	}
	path := [2]int{1, -len(p.path.text)}
	switch {
	case p.path.isExact:
		path = [2]int{0, 0}
	case p.path.regex != nil:
		path = [2]int{2, 0}
	case p.path.text == "":
		path = [2]int{3, 0}
	}
	return [4]int{host[0], host[1], path[0], path[1]}
}

func (p plainRoute) compare(q plainRoute) int {
	a, b := p.rank(), q.rank()
	if c := slices.Compare(a[:], b[:]); c != 0 {
		return c
	}
	if c := q.when.count() - p.when.count(); c != 0 {
		return c
	}
	return p.order - q.order
}

func (p plainRoute) fits(r *Request) bool {
	host := string(hostKey(nil, r.Host))
	suffix, wild := strings.CutPrefix(p.host, "*")
	switch {
	case p.host == "":
	case host == "":
		return false
	case wild && !strings.HasSuffix(host, suffix):
		return false
	case !wild && host != p.host:
		return false
	}
	return p.path.holds(r.Path) && p.when.hold(r)
}

package router

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"sluice/config"
)

func withSticky(s config.Service, k config.Sticky) config.Service {
	s.Sticky = &k
	return s
}

func cookieKey(i int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%016d", i))
}

func TestShareBySticky(t *testing.T) {
	const keys = 200_000
	for _, bp := range [][]int{{9990, 10}, {9000, 1000}, {5000, 3000, 2000}} {
		_, s := live(t, withSticky(shop(bp...), config.Sticky{Header: "X-User"}))
		got := make([]int, len(bp))
		var c Choice
		for i := range keys {
			s.Pick(get("a", "/", "x-user", fmt.Sprintf("user-%d", i)), &c)
			if c.Why != BySticky {
				t.Fatalf("got %v, want sticky", c.Why)
			}
			got[c.Index]++
		}
		for i, n := range got {
			p := float64(bp[i]) / fullBP
			if sigma := math.Sqrt(keys * p * (1 - p)); math.Abs(float64(n)-keys*p) > 3*sigma {
				t.Errorf("%v: version %d got %d of %d keys, want %.0f within %.0f", bp, i, n, keys, keys*p, 3*sigma)
			}
		}
	}
}

// TestStickyIsMonotone changes one weight, the others keeping their proportions,
// and follows every user.
func TestStickyIsMonotone(t *testing.T) {
	l, s := live(t, withSticky(shop(9000, 0, 1000), config.Sticky{Cookie: "id"}))
	rnd := rand.New(rand.NewPCG(7, 7))
	where := func(i int) int {
		var c Choice
		s.Pick(get("a", "/", "Cookie", "id="+cookieKey(i)), &c)
		return c.Index
	}
	const users = 2000
	at := make([]int, users)
	for i := range at {
		at[i] = where(i)
	}
	last := 0
	for range 60 {
		next := 10 * rnd.IntN(1001)
		rest := fullBP - next
		setWeights(t, l, "v1", rest/10*9, next, rest/10)
		moved := 0
		for i := range at {
			now := where(i)
			if now == at[i] {
				continue
			}
			moved++
			if next >= last && now != 1 {
				t.Fatalf("v2 %d → %d: user moved from v%d to v%d", last, next, at[i]+1, now+1)
			}
			if next <= last && at[i] != 1 {
				t.Fatalf("v2 %d → %d: user moved from v%d to v%d", last, next, at[i]+1, now+1)
			}
			at[i] = now
		}
		if want := users * math.Abs(float64(next-last)) / fullBP; math.Abs(float64(moved)-want) > 6*math.Sqrt(users)/2 {
			t.Errorf("v2 %d → %d: %d users moved, want about %.0f", last, next, moved, want)
		}
		last = next
	}
}

func TestNoUserOnWeightZero(t *testing.T) {
	_, s := live(t, withSticky(shop(10000, 0), config.Sticky{Header: "U"}))
	var c Choice
	for i := range 10_000 {
		if s.Pick(get("a", "/", "U", fmt.Sprint(i)), &c); c.Index != 0 {
			t.Fatalf("user %d is on v2, whose weight is 0", i)
		}
	}
}

// TestStickyKey: same key, same version, wherever it is read from.
func TestStickyKey(t *testing.T) {
	long := strings.Repeat("k", maxKey+1)
	query := func(q string) *Request {
		r := get("a", "/")
		r.Query = []byte(q)
		return r
	}
	from := func(ip string) *Request {
		r := get("a", "/")
		r.ClientIP = netip.MustParseAddr(ip)
		return r
	}
	for _, tc := range []struct {
		name   string
		sticky Sticky
		r      *Request
		want   string
	}{
		{"cookie", Sticky{Cookie: "id"}, get("a", "/", "Cookie", "x=1; id=abc; y=2"), "abc"},
		{"the first of two cookies", Sticky{Cookie: "id"}, get("a", "/", "Cookie", "id=abc", "Cookie", "id=def"), "abc"},
		{"cookie too long", Sticky{Cookie: "id"}, get("a", "/", "Cookie", "id="+long), ""},
		{"longest cookie", Sticky{Cookie: "id"}, get("a", "/", "Cookie", "id="+long[:maxKey]), long[:maxKey]},
		{"malformed cookie", Sticky{Cookie: "id"}, get("a", "/", "Cookie", "id=a b"), ""},
		{"empty cookie", Sticky{Cookie: "id"}, get("a", "/", "Cookie", "id="), ""},
		{"no cookie", Sticky{Cookie: "id"}, get("a", "/"), ""},
		{"header", Sticky{Header: "X-User-Id"}, get("a", "/", "x-user-id", "abc"), "abc"},
		{"empty header", Sticky{Header: "X-User-Id"}, get("a", "/", "x-user-id", ""), ""},
		{"no header", Sticky{Header: "X-User-Id"}, get("a", "/"), ""},
		{"query", Sticky{Query: "u"}, query("a=1&u=a%2Bb+c"), "a+b c"},
		{"long query", Sticky{Query: "u"}, query("u=" + long + "%20"), long + "%20"},
		{"empty query", Sticky{Query: "u"}, query("u="), ""},
		{"client IP", Sticky{ClientIP: true}, from("2001:db8::1"), string(netip.MustParseAddr("2001:db8::1").AsSlice())},
		{"client IP, mapped", Sticky{ClientIP: true}, from("::ffff:10.0.0.1"), string(netip.MustParseAddr("::ffff:10.0.0.1").AsSlice())},
		{"client IP, plain", Sticky{ClientIP: true}, from("10.0.0.1"), string(netip.MustParseAddr("::ffff:10.0.0.1").AsSlice())},
		{"no client IP", Sticky{ClientIP: true}, get("a", "/"), ""},
		{"none", Sticky{}, get("a", "/"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var buf keyBuffer
			if got := tc.sticky.key(tc.r, &buf); string(got) != tc.want || (got == nil) != (tc.want == "") {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestNewKey(t *testing.T) {
	_, s := live(t, withSticky(shop(5000, 5000), config.Sticky{Cookie: "id"}))
	seen := map[[22]byte]bool{}
	for range 1000 {
		var first, second Choice
		s.Pick(get("a", "/"), &first)
		if !first.SetKey || first.Why != BySticky || seen[first.NewKey] || !wellFormed(first.NewKey[:]) {
			t.Fatalf("got %+v, want a fresh key", first)
		}
		seen[first.NewKey] = true
		s.Pick(get("a", "/", "Cookie", "id="+string(first.NewKey[:])), &second)
		if second.SetKey || second.Index != first.Index {
			t.Fatalf("key %s led to v%d, then v%d (new key: %v)", first.NewKey, first.Index+1, second.Index+1, second.SetKey)
		}
	}
}

// TestNewKeysAvoidDraining: a key made while v2 drains must not be on v2 with
// the next request either, when it is an old one.
func TestNewKeysAvoidDraining(t *testing.T) {
	l, s := live(t, withSticky(shop(6000, 3000, 1000), config.Sticky{Cookie: "id"}))
	setState(t, l, "v2", config.Draining)
	got := make([]int, 3)
	for range 5000 {
		var first, second Choice
		s.Pick(get("a", "/"), &first)
		got[first.Index]++
		if !first.SetKey {
			t.Fatalf("no key in %d tries", mintTries)
		}
		s.Pick(get("a", "/", "Cookie", "id="+string(first.NewKey[:])), &second)
		if second.Index != first.Index {
			t.Fatalf("key led to v%d, then v%d", first.Index+1, second.Index+1)
		}
	}
	if got[1] != 0 || math.Abs(float64(got[2])-500) > 100 {
		t.Errorf("new keys went to %v, want about [4500 0 500]", got)
	}
}

func TestNoKeyWhereAllOfItDrains(t *testing.T) {
	l, s := live(t, withSticky(shop(0, 10000), config.Sticky{Cookie: "id"}))
	setState(t, l, "v2", config.Draining)
	var c Choice
	s.Pick(get("a", "/"), &c)
	if c.Index != 0 || c.Why != ByFallback || c.SetKey || c.NewKey != [22]byte{} {
		t.Errorf("got v%d %v, set %v, want v1 by fallback without a key", c.Index+1, c.Why, c.SetKey)
	}
}

func TestRules(t *testing.T) {
	half := config.Rule{Name: "half", To: "v3", Percent: 50, When: config.When{Headers: map[string]config.Match{"C": exactly("DE")}}}
	service := shop(10000, 0, 0)
	service.Rules = []config.Rule{
		{Name: "beta", To: "v2", Percent: 100, When: config.When{Headers: map[string]config.Match{"S": exactly("beta")}}},
		half,
		{Name: "rest", To: "v2", Percent: 100, When: config.When{Path: &config.Path{Prefix: "/de"}, Methods: []string{"GET"}, Headers: half.When.Headers}},
		{Name: "nobody", To: "v2", Percent: 0},
	}
	service = withSticky(service, config.Sticky{Cookie: "id"})
	l, s := live(t, service)
	pick := func(r *Request) (int, Why) {
		var c Choice
		s.Pick(r, &c)
		return c.Index, c.Why
	}
	if i, why := pick(get("a", "/", "S", "beta", "C", "DE")); i != 1 || why != ByRule {
		t.Errorf("first match: got v%d by %v, want v2 by rule", i+1, why)
	}
	if i, why := pick(get("a", "/", "Cookie", "id=x")); i != 0 || why != BySticky {
		t.Errorf("no match: got v%d by %v, want v1 by sticky", i+1, why)
	}
	in := 0
	for n := range 4000 {
		r := get("a", "/de/x", "C", "DE", "Cookie", "id="+cookieKey(n))
		r.Rand = rand.Uint64()
		first, why := pick(r)
		r.Rand = rand.Uint64()
		again, _ := pick(r)
		if first != again || why != ByRule || first == 0 {
			t.Fatalf("user %d: v%d by %v, then v%d", n, first+1, why, again+1)
		}
		if first == 2 {
			in++
		}
	}
	if math.Abs(float64(in)-2000) > 100 {
		t.Errorf("the rule of 50 %% took %d of 4000 users", in)
	}
	setState(t, l, "v2", config.Quarantined)
	if i, why := pick(get("a", "/", "S", "beta")); i != 0 || why != ByFallback {
		t.Errorf("rule to a cut version: got v%d by %v, want v1 by fallback", i+1, why)
	}
}

// TestPercentRuleGivesAKey: whoever a percent rule takes at first, it takes again.
func TestPercentRuleGivesAKey(t *testing.T) {
	service := withSticky(shop(10000, 0), config.Sticky{Cookie: "id"})
	service.Rules = []config.Rule{{Name: "half", To: "v2", Percent: 50}}
	_, s := live(t, service)
	for range 500 {
		var first, second Choice
		s.Pick(get("a", "/"), &first)
		s.Pick(get("a", "/", "Cookie", "id="+string(first.NewKey[:])), &second)
		if !first.SetKey || first.Index != second.Index || first.Why != second.Why {
			t.Fatalf("v%d by %v, then v%d by %v", first.Index+1, first.Why, second.Index+1, second.Why)
		}
	}
}

// TestPercentRuleByChance: without any key the rule draws, and leaves the
// weights of the rest undisturbed.
func TestPercentRuleByChance(t *testing.T) {
	service := shop(5000, 5000, 0)
	service.Rules = []config.Rule{{Name: "tenth", To: "v3", Percent: 10}}
	_, s := live(t, service)
	rnd := rand.New(rand.NewPCG(3, 4))
	got := make([]int, 3)
	var c Choice
	for range 100_000 {
		s.Pick(&Request{Path: []byte("/"), Rand: rnd.Uint64()}, &c)
		got[c.Index]++
	}
	for i, want := range []float64{45000, 45000, 10000} {
		if math.Abs(float64(got[i])-want) > 500 {
			t.Errorf("got %v, want about [45000 45000 10000]", got)
		}
	}
}

func TestRuleTests(t *testing.T) {
	for _, tc := range []struct {
		name string
		rule config.Rule
		want string
	}{
		{"unknown version", config.Rule{To: "v9", Percent: 100}, `rules[0]: to "v9", which is not among the versions`},
		{"percent", config.Rule{To: "v1", Percent: 101}, "rules[0]: percent: got 101, want 0 to 100"},
		{"NaN", config.Rule{To: "v1", Percent: math.NaN()}, "rules[0]: percent: got NaN, want 0 to 100"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := compileRules(&config.Service{Rules: []config.Rule{tc.rule}}, []string{"v1"})
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestMintIsWellSpread(t *testing.T) {
	var a, b [22]byte
	mint(&a)
	mint(&b)
	raw, err := base64.RawURLEncoding.DecodeString(string(a[:]))
	if err != nil || len(raw) != 16 || bytes.Equal(a[:], b[:]) {
		t.Errorf("got %s and %s (%v), want two keys of 128 bits", a, b, err)
	}
}

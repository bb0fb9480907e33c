package router

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"testing"

	"sluice/config"
)

// carriers are the places of a sticky key, each with a request that carries it.
var carriers = []struct {
	name   string
	sticky config.Sticky
	key    func(*rand.Rand) string
	with   func(key string) *Request
}{
	{"cookie", config.Sticky{Cookie: "id"},
		func(r *rand.Rand) string { return cookieKey(r.IntN(1e6)) },
		func(k string) *Request { return get("a", "/", "Cookie", "a=b; id="+k) }},
	{"header", config.Sticky{Header: "X-User"},
		func(r *rand.Rand) string { return fmt.Sprintf("us;er, \"%d\"", r.IntN(1e6)) },
		func(k string) *Request { return get("a", "/", "x-user", k) }},
	{"query", config.Sticky{Query: "us er"},
		func(r *rand.Rand) string { return fmt.Sprintf("j+doe&%d@example.com=%% ü", r.IntN(1e6)) },
		func(k string) *Request {
			r := get("a", "/")
			r.Query = []byte("x=1&us%20er=" + url.QueryEscape(k))
			return r
		}},
	{"client_ip", config.Sticky{ClientIP: true},
		func(r *rand.Rand) string { return fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256)) },
		func(k string) *Request {
			r := get("a", "/")
			r.ClientIP = netip.MustParseAddr(k)
			return r
		}},
}

// Whatever the weights, states and rules are: what Assign says of a key is what Pick does
// with a request that carries it.
func TestAssignIsWhatPickDoes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 5))
	states := []config.State{config.Active, config.Active, config.Draining, config.Off, config.Tripped, config.Quarantined}
	for _, carrier := range carriers {
		t.Run(carrier.name, func(t *testing.T) {
			whys := map[string]int{}
			for range 300 {
				a := rnd.IntN(fullBP + 1)
				b := rnd.IntN(fullBP - a + 1)
				sc := withSticky(shop(a, b, fullBP-a-b), carrier.sticky)
				if rnd.IntN(2) == 0 {
					sc.Rules = []config.Rule{
						{Name: "beta", To: "v3", Percent: 100, When: config.When{Headers: map[string]config.Match{"X-Beta": present(true)}}},
						{Name: "some", To: "v2", Percent: float64(rnd.IntN(100))},
					}
				}
				l, s := live(t, sc)
				for i := range 3 {
					setState(t, l, fmt.Sprintf("v%d", i+1), states[rnd.IntN(len(states))])
				}
				for range 20 {
					key := carrier.key(rnd)
					r := carrier.with(key)
					r.Rand = rnd.Uint64()
					var c Choice
					s.Pick(r, &c)
					version, why := l.Assign("shop", key)
					if version != c.Version.Name || why != c.Why.String() {
						t.Fatalf("key %q: got %s by %s, Pick gives %s by %s", key, version, why, c.Version.Name, c.Why)
					}
					whys[why]++
				}
			}
			for _, why := range []string{"sticky", "rule", "fallback"} {
				if whys[why] < 100 {
					t.Errorf("only %d keys by %s", whys[why], why)
				}
			}
		})
	}
}

// A question about a key takes no probe away from requests.
func TestAssignTakesNoProbe(t *testing.T) {
	l, s := live(t, withSticky(shop(0, fullBP), config.Sticky{Header: "X-User"}))
	setState(t, l, "v2", config.Tripped)
	l.Probe("shop", "v2")
	for range 3 {
		if version, why := s.Assign("ann"); version != "v1" || why != "fallback" {
			t.Fatalf("got %s by %s, want v1 by fallback", version, why)
		}
	}
	var c Choice
	if s.Pick(get("a", "/", "X-User", "ann"), &c); c.Why != ByProbe {
		t.Errorf("got %v, want the probe", c.Why)
	}
}

func TestAssignOfWhatIsNoKey(t *testing.T) {
	l, _ := live(t, shop(fullBP))
	if version, why := l.Assign("shop", "ann"); version != "" || why != noSticky {
		t.Errorf("without stickiness: got %q, %q", version, why)
	}
	if version, why := l.Assign("other", "ann"); version != "" || why != noService {
		t.Errorf("unknown service: got %q, %q", version, why)
	}
	for _, tt := range []struct {
		sticky config.Sticky
		key    string
	}{
		{config.Sticky{Cookie: "id"}, ""},
		{config.Sticky{Cookie: "id"}, "a;b"},
		{config.Sticky{Cookie: "id"}, `"a"`},
		{config.Sticky{Header: "X-User"}, " "},
		{config.Sticky{Header: "X-User"}, "a\r\nb"},
		{config.Sticky{ClientIP: true}, "10.0.0.1:80"},
	} {
		_, s := live(t, withSticky(shop(fullBP), tt.sticky))
		if version, why := s.Assign(tt.key); version != "" || why != notAKey {
			t.Errorf("%+v %q: got %q, %q", tt.sticky, tt.key, version, why)
		}
	}
}

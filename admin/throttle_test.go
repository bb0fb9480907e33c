package admin

import (
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle()
		here, there := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
		for i := range freeGuesses {
			if wait := th.wait(here); wait != 0 {
				t.Fatalf("guess %d waits %v", i, wait)
			}
			th.failed(here)
		}
		if wait := th.wait(here); wait != time.Second {
			t.Errorf("after %d guesses: got %v, want 1s", freeGuesses, wait)
		}
		if wait := th.wait(there); wait != 0 {
			t.Errorf("another address waits %v", wait)
		}
		time.Sleep(time.Second)
		if wait := th.wait(here); wait != 0 {
			t.Errorf("a second later: got %v, want 0", wait)
		}
		th.failed(here)
		if wait := th.wait(here); wait != time.Second {
			t.Errorf("after one more: got %v, want 1s", wait)
		}
	})
}

// A scraper with an old token, every 15 s, never keeps others of its address out.
func TestThrottleForgivesSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle()
		here := netip.MustParsePrefix("192.0.2.1/32")
		for range 1000 {
			th.failed(here)
			if wait := th.wait(here); wait != 0 {
				t.Fatalf("got %v, want 0", wait)
			}
			time.Sleep(15 * time.Second)
		}
	})
}

func TestThrottleMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle()
		guilty := netip.MustParsePrefix("192.0.2.1/32")
		for range 100 {
			th.failed(guilty)
		}
		for i := range 2 * throttleMemory {
			th.failed(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32))
		}
		if len(th.owed) > throttleMemory {
			t.Errorf("remembers %d addresses, want at most %d", len(th.owed), throttleMemory)
		}
		if th.wait(guilty) == 0 {
			t.Error("the worst was forgotten for the sake of single mistakes")
		}
		time.Sleep(time.Hour)
		th.failed(netip.MustParsePrefix("192.0.2.9/32"))
		if len(th.owed) != 1 {
			t.Errorf("an hour later %d are remembered, want 1", len(th.owed))
		}
	})
}

func TestThrottleKey(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"v4", "192.0.2.1:1234", "192.0.2.1/32"},
		{"v4 mapped", "[::ffff:192.0.2.1]:1234", "192.0.2.1/32"},
		{"v6", "[2001:db8:1:2:3:4:5:6]:1234", "2001:db8:1:2::/64"},
		{"zone", "[fe80::1%eth0]:1234", "fe80::/64"},
		{"unix", "@", ""},
		{"none", "", ""},
	}
	for _, tt := range tests {
		key, ok := throttleKey(&http.Request{RemoteAddr: tt.in})
		if ok != (tt.want != "") || ok && key.String() != tt.want {
			t.Errorf("%s: got %v, %v, want %q", tt.name, key, ok, tt.want)
		}
	}
}

package e2e

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
	"testing"
)

func twoVersions(v1, v2 string, weight1, weight2 float64, more string) string {
	return fmt.Sprintf(`services:
  - name: shop
    routes: [{path: /}]
    stable: v1
    versions:
      - {name: v1, weight: %g, endpoints: [%q]}
      - {name: v2, weight: %g, endpoints: [%q]}
%s`, weight1, v1, weight2, v2, more)
}

// client makes a client with connections of its own.
func client(t testing.TB, connections int) *http.Client {
	tr := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// each runs n calls of f over workers goroutines and fails on the first error.
func each(t testing.TB, n, workers int, f func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make(chan error, workers)
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := w; i < n; i += workers {
				if err := f(i); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
}

func fetch(c *http.Client, req *http.Request) (*http.Response, []byte, error) {
	resp, err := c.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// The main job on real input: the measured share of a 90/10 split in front of
// two foreign servers lies within 5σ over 100,000 live requests.
func TestShareOfLiveTraffic(t *testing.T) {
	const n, share = 100_000, 0.10
	v1, v2 := startOrigin(t), startOrigin(t)
	p := boot(t, twoVersions(v1.URL, v2.URL, 90, 10, ""))
	c := client(t, 32)
	each(t, n, 32, func(int) error {
		req, err := http.NewRequest("GET", p.url("/status/200"), nil)
		if err != nil {
			return err
		}
		resp, _, err := fetch(c, req)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
		return err
	})
	if got := v1.hits.Load() + v2.hits.Load(); got != n {
		t.Errorf("origins saw %d requests, want %d", got, n)
	}
	sigma := math.Sqrt(share * (1 - share) / n)
	if got := float64(v2.hits.Load()) / n; math.Abs(got-share) > 5*sigma {
		t.Errorf("share of v2: got %.4f, want %.2f ± %.4f (5σ)", got, share, 5*sigma)
	}
	if got := p.version("shop", "v2").Requests; got != v2.hits.Load() {
		t.Errorf("recorded requests of v2: got %d, want %d", got, v2.hits.Load())
	}
}

// Sticky is exact (a key always meets the same version) and monotone (raising
// a weight moves users only into that version), over a live weight change.
func TestStickyIsExactAndMonotone(t *testing.T) {
	const users = 1000
	v1, v2 := startOrigin(t), startOrigin(t)
	p := boot(t, twoVersions(v1.URL, v2.URL, 80, 20, "    sticky: {header: X-User}\n"))
	c := client(t, 16)
	assign := func() (onV2 [users]bool) {
		each(t, users, 16, func(i int) error {
			for range 2 {
				before := v2hit(c, p, i)
				if before.err != nil {
					return before.err
				}
				onV2[i] = before.v2
				if again := v2hit(c, p, i); again.err != nil || again.v2 != before.v2 {
					return fmt.Errorf("user %d met two versions (%v)", i, again.err)
				}
			}
			return nil
		})
		return onV2
	}
	v1.does(named("v1"))
	v2.does(named("v2"))
	before := assign()
	if out, code := p.run("weights", "shop", "v1=50", "v2=50"); code != 0 {
		t.Fatalf("sluice weights: exit %d: %s", code, out)
	}
	after := assign()
	moved := 0
	for i := range users {
		if before[i] && !after[i] {
			t.Errorf("user %d left v2 though its weight rose", i)
		}
		if after[i] && !before[i] {
			moved++
		}
	}
	if want := 0.3 * users; math.Abs(float64(moved)-want) > 5*math.Sqrt(users*0.3*0.7) {
		t.Errorf("users who moved to v2: got %d, want about %g", moved, want)
	}
}

func named(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) }
}

type hit struct {
	v2  bool
	err error
}

func v2hit(c *http.Client, p *process, user int) hit {
	req, err := http.NewRequest("GET", p.url("/"), nil)
	if err != nil {
		return hit{err: err}
	}
	req.Header.Set("X-User", fmt.Sprintf("user-%d", user))
	_, body, err := fetch(c, req)
	return hit{v2: string(body) == "v2", err: err}
}

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/bench"
)

// mortal is one service of a process that is killed again and again.
type mortal struct {
	name, rollout string
	v1, v2        *shop
	lives         [256]atomic.Uint64 // requests to v2, by the life in which they were sent
	bad           func(m *mortal, p *process) bool
}

// graveyard is a process under traffic, that is killed again and again.
type graveyard struct {
	p        *process
	services []*mortal
	life     atomic.Int64
	killed   time.Time
	seen     map[string]int
}

// badCanary fails once users meet it, badLater once it is stable.
func badCanary(m *mortal, p *process) bool { return p.version(m.name, "v2").Weight > 0 }
func badLater(m *mortal, p *process) bool  { return p.stable(m.name) == "v2" }
func neverBad(*mortal, *process) bool      { return false }

// graveFile is a service; its guard and rollout follow.
const graveFile = `  - name: %s
    routes: [{hosts: [%[1]s], path: /}]
    stable: v1
    versions:
      - {name: v1, weight: 100, endpoints: [%q]}
      - {name: v2, weight: 0, endpoints: [%q]}
%s`

// By stages, with a limit of failures in place of the trip, and all at once, with the trip.
const (
	risesByStages = `    guard: {trip: off, max_exposed_failures: 10, breach: {error_rate: "> 5%"}}
    rollout:
      strategy: canary
      canary: v2
      analysis: none
      stages: [{name: quarter, weight: 25}, {name: half, weight: 50}, {name: all, weight: 100}]
      standby: 10s
      max_wait: 10s
`
	switchesOver = `    guard: {breach: {error_rate: "> 5%"}}
    rollout: {strategy: blue_green, canary: v2, duration: 1s, analysis: none, standby: 10s, max_wait: 10s, preview: {headers: {X-Preview: {present: true}}}}
`
)

func newGraveyard(t testing.TB) *graveyard {
	t.Helper()
	g := &graveyard{seen: map[string]int{}}
	text := "services:\n"
	for _, m := range []*mortal{
		{name: "good", bad: neverBad, rollout: risesByStages}, {name: "bad", bad: badCanary, rollout: risesByStages},
		{name: "late", bad: badLater, rollout: risesByStages}, {name: "switched", bad: badLater, rollout: switchesOver},
	} {
		m.v1, m.v2 = startShop(t, "1"), startShop(t, "2")
		count := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if life, err := strconv.Atoi(r.Header.Get("X-Life")); err == nil {
				m.lives[life].Add(1)
			}
		})
		m.v2.sell.Store(&count)
		g.services = append(g.services, m)
		text += fmt.Sprintf(graveFile, m.name, m.v1.URL, m.v2.URL, m.rollout)
	}
	g.p = boot(t, text)
	startTraffic(t, g.p, 400, "/", func(o *bench.LoadOptions) {
		o.Request = func(dst []byte, n uint64) []byte {
			return fmt.Appendf(dst, "GET / HTTP/1.1\r\nHost: %s\r\nX-Life: %d\r\n\r\n", g.services[n%uint64(len(g.services))].name, g.life.Load())
		}
	})
	return g
}

// live lets rollouts run for a random time, and kills the process then.
func (g *graveyard) live(t testing.TB) {
	t.Helper()
	life := rand.N(4 * time.Second)
	if rand.N(2) == 0 { // the looks are on whole seconds, and most writes are after them
		at := time.Now()
		life = at.Truncate(time.Second).Add(time.Duration(1+rand.N(4))*time.Second).Sub(at) + rand.N(40*time.Millisecond)
	}
	end := time.After(life)
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		select {
		case <-end:
			tick.Stop()
			g.p.signal(syscall.SIGKILL)
			<-g.p.exited
			g.killed = time.Now()
			g.life.Add(1)
			return
		default:
		}
		for _, m := range g.services {
			every := uint64(0)
			if m.bad(m, g.p) {
				every = 2
			}
			m.v2.failing.Store(every)
			g.drive(m)
		}
	}
}

// drive is the person who starts, aborts and undoes.
func (g *graveyard) drive(m *mortal) {
	order := func(verb string) {
		g.p.api("POST", "/api/v1/services/"+m.name+"/rollout", map[string]string{"action": verb}, nil)
	}
	switch r := g.p.rollout(m.name); {
	case r.Phase == "none", r.Phase == "rolled_back", r.Phase == "aborted":
		if rand.N(60) == 0 {
			order("start")
		}
	case r.Phase == "promoted" && m.name == "good":
		if rand.N(50) == 0 {
			order("undo")
		}
	case r.Phase != "promoted" && rand.N(1000) == 0:
		order("abort")
	}
}

// left is how a service is, read at once.
type left struct {
	Stable   string
	Versions []version
}

func (l left) String() string {
	text := "stable " + l.Stable
	for _, v := range l.Versions {
		text += fmt.Sprintf(", %s %g %% %s", v.Name, v.Weight, v.State)
	}
	return text
}

// legal reports whether some rollout sets such weights, and whether one of that phase has them after its end.
func (l left) legal(phase string) bool {
	v1, v2 := l.Versions[0].Weight, l.Versions[1].Weight
	if v1+v2 != 100 || !slices.Contains([]float64{0, 25, 50, 100}, v2) || l.Stable == "v2" && v2 != 100 {
		return false
	}
	switch phase {
	case "promoted":
		return l.Stable == "v2" && v2 == 100
	case "rolled_back", "aborted", "none":
		return l.Stable == "v1" && v2 == 0
	case "checking", "running", "waiting":
		return true
	}
	return false
}

// check looks at what the killed process left, before anybody touches it.
func (g *graveyard) check(t testing.TB, round int) {
	t.Helper()
	life := int(g.life.Load())
	for _, m := range g.services {
		var r runRollout
		var l left
		g.p.until("two looks at one moment", func() bool {
			r, l = g.p.rollout(m.name), left{}
			g.p.api("GET", "/api/v1/services/"+m.name, nil, &l)
			again := g.p.rollout(m.name)
			return again.Phase == r.Phase && again.Weight == r.Weight && again.Reason == r.Reason
		})
		where := fmt.Sprintf("kill %d, %s: %s (%s), %v", round, m.name, r.Phase, r.Reason, l)
		if len(l.Versions) != 2 || !l.legal(r.Phase) {
			t.Errorf("%s: no legal state", where)
		}
		g.seen[r.Phase]++
		if by := g.condemned(m, r.StartedAt); by != "" {
			g.seen["condemned"]++
			mark := m.v1.sold.Load()
			g.p.until("traffic after the restart", func() bool { return m.v1.sold.Load() > mark+20 })
			if n := m.lives[life].Load(); n != 0 {
				t.Errorf("%s: v2 had %d requests in a life that began after %s", where, n, by)
			}
		}
	}
	if strings.Contains(g.p.logs(), "are lost") || strings.Contains(g.p.logs(), "panic") {
		t.Errorf("kill %d: something was lost:\n%s", round, tail(g.p.logs(), 3000))
	}
}

// condemned is the decision of an earlier life against v2 in the present rollout; "": none.
func (g *graveyard) condemned(m *mortal, since time.Time) string {
	var answer struct {
		Decisions []struct {
			Time                     time.Time
			Version, Action, Summary string
		}
	}
	g.p.api("GET", "/api/v1/services/"+m.name+"/decisions", nil, &answer)
	for _, d := range answer.Decisions {
		if d.Version == "v2" && !d.Time.Before(since) && d.Time.Before(g.killed) && slices.Contains([]string{"quarantine", "rollback", "abort", "switch_back"}, d.Action) {
			return d.Action + ": " + d.Summary
		}
	}
	return ""
}

// Rollouts under traffic, in processes that are killed at random instants: each leaves a legal
// state, and a version that was condemned before the kill has no request after it.
func TestRolloutsSurviveKills(t *testing.T) {
	t.Parallel()
	kills, workers := 200, 4
	if testing.Short() {
		kills = 20
	}
	var mu sync.Mutex
	seen := map[string]int{}
	var all sync.WaitGroup
	for w := range workers { // beside each other whatever -parallel says: they mostly wait
		all.Go(func() {
			t.Run(fmt.Sprint(w), func(t *testing.T) {
				g := newGraveyard(t)
				for round := range kills / workers {
					g.live(t)
					g.p.start()
					g.check(t, round)
				}
				mu.Lock()
				defer mu.Unlock()
				for what, n := range g.seen {
					seen[what] += n
				}
			})
		})
	}
	all.Wait()
	t.Logf("%d kills; the services were %v", kills, seen)
	if !testing.Short() && (seen["promoted"] == 0 || seen["rolled_back"] == 0 || seen["running"] == 0 || seen["condemned"] == 0) {
		t.Errorf("the kills never met some of it: %v", seen)
	}
}

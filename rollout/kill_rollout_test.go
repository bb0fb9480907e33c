package rollout

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

const rollerEnv = "SLUICE_TEST_ROLL_IN" // makes the test binary a process that rolls out for ever

// rolledShops are services whose stages pass at each look, so that a process of half a
// second gets somewhere, and whose canary may cost 20 failures.
func rolledShops() []config.Service {
	var all []config.Service
	for i := range 3 {
		s := canaryShop(2500, 10000)
		s.Name = fmt.Sprint("shop", i)
		s.Rollout.Analysis, s.Rollout.Standby = "none", 2*time.Second
		s.Guard.Trip.Off, s.Guard.MaxExposedFailures = true, 20
		for j := range s.Rollout.Stages {
			s.Rollout.Stages[j].Duration, s.Rollout.Stages[j].MinRequests = 0, 0
		}
		all = append(all, s)
	}
	return all
}

// becomeRoller rolls out good and bad canaries, with traffic, in a process that is killed. It ends by itself only
// if a condemned version has traffic.
func becomeRoller() bool {
	dir := os.Getenv(rollerEnv)
	if dir == "" {
		return false
	}
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	l := newLab()
	c, err := New(Options{Traffic: l, StateDir: dir, Outside: &world{}})
	if err != nil {
		fail(err)
	}
	cfg := configOf(rolledShops()...)
	if err := c.Reload(cfg, l.table(cfg)); err != nil {
		fail(err)
	}
	go func() { _ = c.Run(context.Background()) }()
	fmt.Println("rolling")
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		for _, s := range cfg.Services {
			bad := filepath.Join(dir, "bad-"+s.Name)
			if err := condemnedHasTraffic(c, l, s.Name); err != nil {
				fail(err)
			}
			sendRolled(l, s.Name, bad)
			if err := drive(c, s.Name, bad); err != nil {
				fail(err)
			}
		}
	}
}

// sendRolled sends some requests by weight; those of a bad canary fail from a quarter of the traffic on.
func sendRolled(l *lab, service, bad string) {
	_, err := os.Stat(bad)
	w, _ := l.Weights(service)
	for _, name := range names(w.BP) {
		if w.States[name] != config.Active || w.BP[name] == 0 {
			continue
		}
		o := analysis.Success
		if name == "v2" && err == nil && w.BP[name] >= 2500 {
			o = analysis.ServerError
		}
		l.send(service, name, 1+30*w.BP[name]/wholeBP, o)
	}
}

// drive is the person who starts, aborts and undoes, now and then.
func drive(c *Controller, service, bad string) error {
	cmd := Command{Service: service, By: "test"}
	st := c.Rollout(service)
	switch {
	case st.ID != "" && !st.Phase.Ended():
		if rand.IntN(3000) == 0 {
			_, _ = c.RolloutVerb(cmd, VerbAbort) // it may have ended this moment
		}
		return nil
	case rand.IntN(80) > 0:
		return nil
	case st.Phase == PhasePromoted:
		_, _ = c.RolloutVerb(cmd, VerbUndo)
		return nil
	}
	if rand.IntN(2) == 0 {
		if err := os.WriteFile(bad, nil, 0o600); err != nil {
			return err
		}
	} else {
		_ = os.Remove(bad)
	}
	// A disk that is slow beside so many others may refuse it; what is refused must leave nothing behind.
	if _, err := c.StartRollout(cmd, "v2"); errors.Is(err, ErrUnknown) || errors.Is(err, ErrInvalid) {
		return err
	}
	return nil
}

// condemned are the decisions against v2 in the present rollout.
func condemned(ds []Decision, since time.Time) bool {
	return slices.ContainsFunc(ds, func(d Decision) bool {
		return d.Version == "v2" && !d.Time.Before(since) && slices.Contains([]string{"quarantine", "rollback", "abort", "switch_back"}, d.Action)
	})
}

func condemnedHasTraffic(c *Controller, l *lab, service string) error {
	w, _ := l.Weights(service)
	before := c.Rollout(service)
	if w.BP["v2"] > 0 && w.States["v2"] == config.Active && before.ID != "" && condemned(c.Decisions(service), before.StartedAt) {
		// The weights were read first: what was decided since is no proof.
		if now, _ := l.Weights(service); now.BP["v2"] > 0 && now.States["v2"] == config.Active && c.Rollout(service).ID == before.ID {
			return fmt.Errorf("%s: v2 has traffic after %+v", service, c.Decisions(service)[0])
		}
	}
	return nil
}

// TestKilledRolloutsResume kills processes that roll out, at random instants, 200 times, and wants a legal
// state each time, in which what was condemned has no traffic.
func TestKilledRolloutsResume(t *testing.T) {
	workers, rounds := 10, 20
	if testing.Short() {
		workers, rounds = 3, 3
	}
	var mu sync.Mutex
	seen := map[string]int{}
	var all sync.WaitGroup
	// Between fork and exec a new process has every file that is open here, the lock of another worker's
	// directory among them, and would keep it locked after that worker's look at it.
	var locked sync.RWMutex
	for range workers {
		dir := t.TempDir()
		all.Go(func() {
			for round := range rounds {
				killRoller(t, dir, round, &locked)
				found := checkKilled(t, dir, round, &locked)
				mu.Lock()
				for _, what := range found {
					seen[what]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.Logf("%d kills; found: %v", workers*rounds, seen)
	if !testing.Short() && (seen["promoted"] == 0 || seen["rolled_back"] == 0 || seen["live"] == 0 || seen["condemned"] == 0) {
		t.Errorf("the kills never met some of it: %v", seen)
	}
}

func killRoller(t *testing.T, dir string, round int, locked *sync.RWMutex) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), rollerEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	locked.Lock()
	err = cmd.Start()
	locked.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("round %d: the process said nothing: %v", round, err)
	}
	life := time.Duration(rand.Int64N(int64(4 * time.Second)))
	if round%2 == 0 { // the looks are on whole seconds, and most writes are after them
		at := time.Now()
		life = at.Truncate(time.Second).Add(time.Duration(1+rand.IntN(4))*time.Second).Sub(at) + time.Duration(rand.Int64N(int64(40*time.Millisecond)))
	}
	ended := make(chan error, 1)
	go func() { _, err := cmd.Process.Wait(); ended <- err }()
	select {
	case <-time.After(life):
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-ended
	case <-ended:
		t.Fatalf("round %d: the process ended by itself", round)
	}
}

// checkKilled looks at what the process left, as the next one does.
func checkKilled(t *testing.T, dir string, round int, locked *sync.RWMutex) (found []string) {
	t.Helper()
	locked.RLock()
	defer locked.RUnlock()
	b := newBench(t, Options{StateDir: dir, Outside: &world{}}, rolledShops()...)
	defer b.Close()
	for _, e := range b.events("alert") {
		t.Errorf("round %d: %s", round, e.Message)
	}
	for _, s := range b.ordered {
		w, _ := b.lab.Weights(s.name)
		if w.BP["v1"]+w.BP["v2"] != wholeBP || w.BP["v2"] < 0 || w.BP["v2"] > wholeBP || w.Stable != "v1" && w.Stable != "v2" {
			t.Fatalf("round %d: %s has weights %+v", round, s.name, w)
		}
		v2 := w.BP["v2"]
		if s.course == nil {
			if v2 != 0 {
				t.Errorf("round %d: %s without a rollout has %d for v2", round, s.name, v2)
			}
			continue
		}
		r := &s.course.Run
		legal := v2 == 0 && w.Stable == "v1"
		switch {
		case r.live() && r.Station == atPromotion && w.Stable == "v2":
			found, legal = append(found, "promoting"), v2 == wholeBP
		case r.live():
			found, legal = append(found, "live"), w.Stable == "v1" && (v2 == r.WeightBP || v2 == r.RiseBP)
		case r.Phase == PhasePromoted:
			found, legal = append(found, "promoted"), v2 == wholeBP && w.Stable == "v2"
		default:
			found = append(found, string(r.Phase))
		}
		if !legal {
			t.Errorf("round %d: %s is %s at %s with weights %v, stable %s, of the rollout %d, %d", round, s.name, r.Phase, r.Station, w.BP, w.Stable, r.WeightBP, r.RiseBP)
		}
		if condemned(b.Decisions(s.name), r.StartedAt) {
			found = append(found, "condemned")
			if v2 > 0 && w.States["v2"] != config.Quarantined {
				t.Errorf("round %d: %s gives v2 %d after %+v", round, s.name, v2, b.Decisions(s.name)[0])
			}
		}
	}
	return found
}

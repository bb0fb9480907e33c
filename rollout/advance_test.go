package rollout

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestRolloutStories plays each story of testdata/advance: lines that begin with
// ">" are what happens, the rest is what the machine does then, and where the run
// stands. Tasks succeed as soon as they are asked for, unless the story says
// otherwise. -update rewrites the answers.
func TestRolloutStories(t *testing.T) {
	files, err := filepath.Glob("testdata/advance/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := recount(string(raw))
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(raw) {
				t.Errorf("the story goes otherwise now; if that is right, run with -update\ngot:\n%s\nwant:\n%s", got, raw)
			}
		})
	}
}

var storyBegin = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// story is one service's rollout in a test.
type story struct {
	r       run
	plan    itinerary
	at      time.Time // what the clock says
	passed  time.Duration
	seen    sight
	rate    uint64            // requests a second while the canary has its weight
	tasks   map[string]string // by name: "hang", or why it fails; absent: passes
	pending []runAction       // tasks that hang
	out     *strings.Builder
}

func newStory(out *strings.Builder) *story {
	return &story{at: storyBegin, seen: sight{open: true, ready: true, endpoints: 4}, rate: 10, tasks: map[string]string{}, out: out}
}

// recount keeps comments, blank lines and commands, and writes the answers anew.
func recount(text string) (string, error) {
	var out strings.Builder
	stories := map[string]*story{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			fmt.Fprintln(&out, line)
			continue
		}
		command, ok := strings.CutPrefix(line, "> ")
		if !ok {
			continue
		}
		fmt.Fprintln(&out, line)
		service := ""
		if name, rest, found := strings.Cut(command, ": "); found && !strings.Contains(name, " ") {
			service, command = name, rest
		}
		s := stories[service]
		if s == nil {
			s = newStory(&out)
			stories[service] = s
		}
		if err := s.play(command); err != nil {
			return "", fmt.Errorf("%q: %w", line, err)
		}
	}
	return out.String(), lines.Err()
}

func (s *story) play(command string) error {
	words := strings.Fields(command)
	rest := strings.TrimSpace(strings.TrimPrefix(command, words[0]))
	plain := map[string]runHappening{"cut": runCut, "breach": runBreach, "file-changes": runReload, "superseded": runSupersede, "switched-back": runUndone, "trip": runTrip, "probe-fails": runRetrip}
	switch words[0] {
	case "plan":
		return s.makePlan(words[1:])
	case "begin":
		r, todo := begin(s.plan, "r1", "alice", s.at)
		s.r = r
		s.carryOut(todo)
	case "task":
		return s.setTask(rest)
	case "answer":
		return s.answer(rest)
	case "stale":
		s.put(runInput{what: runDone, task: s.r.Task + 1, ok: true})
		s.put(runInput{what: runDone, task: 0, ok: true})
	case "see":
		return s.look(words[1:])
	case "wait":
		return s.wait(words[1:])
	case "clock":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			return err
		}
		s.at = s.at.Add(d)
		s.put(runInput{what: runTick, seen: s.seen})
	case "restart":
		return s.restart()
	case "status":
		s.showStatus()
		return nil
	default:
		if what, ok := plain[words[0]]; ok {
			s.put(runInput{what: what, text: rest})
			break
		}
		s.command(words)
	}
	s.stand()
	return nil
}

// command is a verb: "pause", "promote by bob", "resume moved".
func (s *story) command(words []string) {
	by := "alice"
	if len(words) > 2 && words[1] == "by" {
		by = words[2]
	}
	if err := s.r.allows(words[0]); err != nil {
		s.say("refused: %v", err)
	}
	s.put(runInput{what: runVerb, verb: words[0], by: by, moved: len(words) > 1 && words[1] == "moved"})
}

func (s *story) put(in runInput) {
	in.at = s.at
	var todo []runAction
	s.r, todo = advance(s.r, in)
	s.carryOut(todo)
	if in.what == runDone && s.r.due() {
		s.put(runInput{what: runTick, seen: s.seen})
	}
}

// carryOut says what is to be done, and answers the tasks that pass at once.
func (s *story) carryOut(todo []runAction) {
	for _, a := range todo {
		name := taskName(a)
		if name == "" {
			s.say("%s", a.words())
			continue
		}
		answer, known := s.tasks[name]
		switch {
		case answer == "hang":
			s.say("ask %s, task %d, key %s", a.words(), a.task, a.key)
			s.pending = append(s.pending, a)
		case known:
			s.say("ask %s: fails, %s", a.words(), answer)
			s.put(runInput{what: runDone, task: a.task, text: answer})
		default:
			s.say("ask %s: done", a.words())
			s.put(runInput{what: runDone, task: a.task, ok: true})
		}
	}
}

func taskName(a runAction) string {
	switch a.do {
	case runPreflight:
		return "preflight"
	case runSmoke:
		return "smoke"
	case runHooks:
		return a.point
	case runShift:
		return "shift"
	case runPromote:
		return "promotion"
	}
	return ""
}

func (a runAction) words() string {
	switch a.do {
	case runPreflight:
		return "preflight"
	case runSmoke:
		return "smoke tests"
	case runHooks:
		return "hooks of " + a.point
	case runShift:
		return "shift to " + share(a.weightBP) + " %"
	case runPromote:
		return "promotion"
	case runLower:
		return "LOWER to " + share(a.weightBP) + " %"
	case runSwitchBack:
		return "SWITCH BACK"
	case runRelease:
		return "release"
	case runRestage:
		return "evidence anew"
	case runTell:
		return "tell " + a.kind + ": " + a.text
	case runEnd:
		return "END"
	}
	return "?"
}

func (s *story) say(format string, args ...any) {
	fmt.Fprintf(s.out, "  %-9s "+format+"\n", append([]any{s.passed}, args...)...)
}

func (s *story) stand() {
	waiting := ""
	if s.r.Waiting != "" {
		waiting = " [waits for " + s.r.Waiting + "]"
	}
	fmt.Fprintf(s.out, "  = %s, %s %%%s: %s\n", s.r.Phase, share(s.r.WeightBP), waiting, s.r.Reason)
}

func (s *story) showStatus() {
	st := s.r.status()
	fmt.Fprintf(s.out, "  %s of %s after %s: %s, gate %q, stage %d, %v %%, deadline %s, standby until %s\n",
		st.Strategy, st.Canary, st.From, st.Phase, st.Gate, st.Stage, st.Weight, clockOf(st.DeadlineAt), clockOf(st.StandbyUntil))
	for _, g := range st.Stages {
		fmt.Fprintf(s.out, "    %-12s %6v %%  %-8s %4vs of %vs  %d of %d requests\n", g.Name, g.Weight, g.State, g.Spent, g.Duration, g.Requests, g.MinRequests)
	}
}

func clockOf(at time.Time) string {
	if at.IsZero() {
		return "none"
	}
	return at.Format("15:04:05")
}

// wait lets time pass, a tick a second: "wait 10m", or "wait 1h by 1m" for a process that sleeps.
func (s *story) wait(words []string) error {
	d, err := time.ParseDuration(words[0])
	if err != nil {
		return err
	}
	step := time.Second
	if len(words) == 3 {
		if step, err = time.ParseDuration(words[2]); err != nil {
			return err
		}
	}
	for end := s.passed + d; s.passed < end; {
		s.passed += step
		s.at = s.at.Add(step)
		was := s.r.Entered
		if s.r.Station == atStage && !s.seen.cut {
			s.seen.requests += s.rate * uint64(step/time.Second)
		}
		s.put(runInput{what: runTick, seen: s.seen})
		if s.r.Entered != was {
			s.seen.requests = 0
		}
	}
	return nil
}

// restart is a kill -9: what is left is what was saved. Tasks died with the process.
func (s *story) restart() error {
	raw, err := json.Marshal(s.r)
	if err != nil {
		return err
	}
	s.r, s.pending = run{}, nil
	if err := json.Unmarshal(raw, &s.r); err != nil {
		return err
	}
	if err := s.r.check(); err != nil {
		return err
	}
	s.put(runInput{what: runRestart})
	s.stand()
	return nil
}

// setTask is "task before_stage fails no capacity", "task shift hangs" or "task shift passes".
func (s *story) setTask(text string) error {
	name, how, _ := strings.Cut(text, " ")
	why, fails := strings.CutPrefix(how, "fails ")
	switch {
	case fails:
		s.tasks[name] = why
	case how == "hangs":
		s.tasks[name] = "hang"
	case how == "passes":
		delete(s.tasks, name)
	default:
		return fmt.Errorf("want fails, hangs or passes, got %q", how)
	}
	return nil
}

// answer ends the oldest task that hangs: "answer ok", or "answer why it fails".
func (s *story) answer(how string) error {
	if len(s.pending) == 0 {
		return fmt.Errorf("nothing hangs")
	}
	a := s.pending[0]
	s.pending = s.pending[1:]
	s.put(runInput{what: runDone, task: a.task, ok: how == "ok", text: how})
	s.stand()
	return nil
}

// look sets what the ticks from now on see: "see rate=5 ready=no window=closed".
func (s *story) look(words []string) error {
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		n, _ := strconv.ParseUint(value, 10, 64)
		switch key {
		case "rate":
			s.rate = n
		case "requests":
			s.seen.requests = n
		case "missing":
			s.seen.missing = n
		case "endpoints":
			s.seen.endpoints = int(n)
		case "ready":
			s.seen.ready = value == "yes"
		case "suspicious":
			s.seen.suspicious = value == "yes"
		case "cut":
			s.seen.cut = value == "yes"
		case "tripped":
			s.seen.tripped = value == "yes"
			s.seen.cut = s.seen.tripped
		case "unproven":
			s.seen.unproven = value == "yes"
		case "window":
			s.seen.open = value == "open"
		case "difference":
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return err
			}
			s.seen.difference = f
		default:
			return fmt.Errorf("unknown sight %q", key)
		}
	}
	return nil
}

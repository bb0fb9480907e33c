package rollout

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

var update = flag.Bool("update", false, "rewrite the expected logs of testdata/*.txt")

// TestStories runs each story of testdata: lines that begin with ">" are what
// happens, the rest is what the guard does then.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := retell(string(raw))
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

// retell keeps comments, blank lines and commands, and writes the log anew.
func retell(story string) (string, error) {
	var out strings.Builder
	g := guard{stable: "v1", members: []member{{name: "v1"}, {name: "v2"}}}
	begin := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	at := begin
	lines := bufio.NewScanner(strings.NewReader(story))
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
		if err := play(&g, &at, strings.Fields(command), func(text string) {
			fmt.Fprintf(&out, "  %-8s %s\n", at.Sub(begin), text)
		}); err != nil {
			return "", fmt.Errorf("%q: %w", line, err)
		}
	}
	return out.String(), lines.Err()
}

func play(g *guard, at *time.Time, words []string, log func(string)) error {
	put := func(in input) {
		in.at = *at
		var todo []action
		*g, todo = step(*g, in)
		for _, a := range todo {
			log(a.String())
		}
	}
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	as := map[string]happening{"trip": inlineTrip, "hang": overdueTrip, "probe-failed": retrip,
		"probes-passed": recovery, "endpoints-down": healthDown, "endpoint-up": healthUp, "probing-silent": probeSilent,
		"too-many-failures": exposed,
		"endpoint-ejected":  endpointOut, "endpoint-stays": endpointStays, "endpoint-was-out": endpointWasOut}
	switch verb := words[0]; verb {
	case "service":
		return playService(g, words[1:])
	case "wait":
		d, err := time.ParseDuration(arg(1))
		for end := at.Add(d); at.Before(end); {
			*at = at.Add(100 * time.Millisecond)
			put(input{what: clockTick})
		}
		return err
	case "judge":
		standing := map[string]analysis.Standing{"breach": analysis.Breach, "suspicious": analysis.Suspicious, "environment": analysis.Environment, "inconclusive": analysis.Inconclusive, "bad-endpoint": analysis.BadEndpoint}
		s, ok := standing[arg(2)]
		if !ok {
			return fmt.Errorf("unknown standing %q", arg(2))
		}
		put(input{what: judged, version: arg(1), standing: s})
	case "order":
		s, err := config.ParseState(arg(2))
		put(input{what: order, version: arg(1), state: s})
		return err
	case "show":
		for _, m := range g.members {
			log(m.name + " is " + m.state.String())
		}
	default:
		what, ok := as[verb]
		if !ok {
			return fmt.Errorf("unknown command %q", verb)
		}
		put(input{what: what, version: arg(1), environment: arg(2) == "while-stable-fails"})
	}
	return nil
}

func playService(g *guard, words []string) error {
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "versions":
			g.members = nil
			for name := range strings.SplitSeq(value, ",") {
				g.members = append(g.members, member{name: name})
			}
			g.stable = g.members[0].name
		case "action":
			g.action = value
		case "standby":
			g.standby = value
		case "trip":
			g.tripOff = value == "off"
		case "checks":
			g.checked = value == "on"
		case "cooldown":
			d, err := time.ParseDuration(value)
			if err != nil {
				return err
			}
			g.cooldown = d
		default:
			return fmt.Errorf("unknown setting %q", key)
		}
	}
	return nil
}

func (a action) String() string {
	switch a.do {
	case doCut, doRecut:
		return fmt.Sprintf("%s %s for %s until %s", map[verb]string{doCut: "cut", doRecut: "keep cut"}[a.do], a.version, a.cause, a.until.Format("15:04:05.0"))
	case doProbe:
		return "probe " + a.version
	case doRestore:
		return fmt.Sprintf("restore %s to %s", a.version, a.state)
	case doUndo:
		return fmt.Sprintf("give back %s at once", a.version)
	case doQuarantine:
		return "quarantine " + a.version
	case doPause:
		return "pause " + a.version + map[bool]string{true: ", told lately"}[a.quiet]
	case doAlert:
		return "alert " + a.version + map[bool]string{true: ", told lately"}[a.quiet]
	case doForget:
		return "forget the evidence on " + a.version
	case doNotice:
		return fmt.Sprintf("tell: %s, %s", a.version, a.topic)
	case doEject:
		return "record that an endpoint of " + a.version + " was ejected"
	case doSwitchBack:
		why := a.cause
		if why == "" {
			why = "a verdict"
		}
		return fmt.Sprintf("quarantine %s for %s, %s is stable again", a.version, why, a.to)
	case doState:
		return fmt.Sprintf("set %s to %s", a.version, a.state)
	}
	return "?"
}

func TestCooldownStopsDoubling(t *testing.T) {
	tests := []struct {
		name  string
		base  time.Duration
		level int
		want  time.Duration
	}{
		{"default", 0, 0, 5 * time.Second},
		{"once", 0, 1, 10 * time.Second},
		{"six times", 0, 6, 5 * time.Minute},
		{"for ever", 0, 1 << 40, 5 * time.Minute},
		{"own base", time.Second, 2, 4 * time.Second},
		{"base above the limit", 10 * time.Minute, 3, 10 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := guard{cooldown: tt.base}
			if got := g.coolFor(tt.level); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

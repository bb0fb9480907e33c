package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/config"
	"sluice/internal/advice"
)

// valid parses what init wrote, and wants every part of it alive.
func valid(t *testing.T, name, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse(name, []byte(text), config.ParseOptions{Expand: true, Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if notes := append(cfg.Inactive(), warnings(cfg)...); len(notes) > 0 {
		t.Errorf("%s: %v", name, notes)
	}
	return cfg
}

// Whatever is answered, for every strategy, the file validates and is of that strategy.
func TestInitWritesValidFiles(t *testing.T) {
	s := site{service: "shop", stable: []string{"http://a:1", "http://a:2"}, canary: []string{"http://b"}, health: "/health?a=b"}
	count := 0
	for _, strategy := range names(advice.Strategies(advice.Needs{})) {
		for _, risk := range []advice.Level{advice.Low, advice.Medium, advice.High} {
			for _, perSecond := range []float64{0, 0.5, 5, 5000} {
				for _, state := range []advice.State{advice.Stateless, advice.Sessions, advice.Data} {
					for _, yes := range []bool{false, true} {
						n := advice.Needs{Risk: risk, PerSecond: perSecond, State: state, Compliance: yes, InstantRollback: yes}
						cfg := valid(t, strategy, s.configuration(recommendation{Strategy: strategy, Answers: answers{"risk": "a\nb"}}, n))
						if got := cfg.Services[0].Rollout.Strategy; got != strategy {
							t.Errorf("got %s, want %s", got, strategy)
						}
						if promotes := strategy != "shadow"; promotes && yes && cfg.Services[0].Rollout.Approval == nil {
							t.Errorf("%s: somebody must approve, and nobody is asked", strategy)
						}
						count++
					}
				}
			}
		}
	}
	if count != 5*3*4*3*2 {
		t.Errorf("%d combinations", count)
	}
}

func TestInitInAPipe(t *testing.T) {
	t.Chdir(t.TempDir())
	out, err := call(t, "init", "--risk", "high", "--traffic=800", "--approval", "yes")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Not asked, so by default: goal release, second-environment no,", "Strategy: canary release (canary), 8 points",
		"+3  a bad version is met by a small share", "others: rolling 2,", "dbaas is not offered: it hosts databases",
		"sluice.yaml: written, and valid.", "sluice plan shop -c sluice.yaml --rps 800", "Place to host: ", "private_cloud 5, public_cloud 5,", "of equal scores the simpler", "start from deploy/",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	text, err := os.ReadFile("sluice.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg := valid(t, "sluice.yaml", string(text))
	if r := cfg.Services[0].Rollout; r.Stages[0].WeightBP != 100 || r.Approval == nil {
		t.Errorf("got %+v, want stages from 1%% and an approval", r)
	}
	if !strings.Contains(string(text), "#   +3  a bad version is met by a small share") || !strings.Contains(string(text), `--risk="high" --traffic="800"`) {
		t.Errorf("the file does not say why it is so:\n%s", text)
	}
	for _, line := range called(strings.ReplaceAll(out, "`", "\n")) {
		understood(t, "init", line)
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("there/hybrid", 0o755); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join("there", "hybrid", "cloud.yaml")
	if err := os.WriteFile(kept, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t, "init", "--place", "hybrid_cloud", "--deploy", "there"); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("got %v, want a refusal", err)
	}
	if _, err := os.Stat("sluice.yaml"); err == nil {
		t.Error("refused, and half of it written")
	}
	if text, _ := os.ReadFile(kept); string(text) != "mine" {
		t.Errorf("%s holds %q", kept, text)
	}
	if out, err := call(t, "init", "--place", "hybrid_cloud", "--deploy", "there", "--force"); err != nil || !strings.Contains(out, kept+": written") {
		t.Errorf("with --force: %v\n%s", err, out)
	}
	if text, _ := os.ReadFile(kept); string(text) == "mine" {
		t.Error("--force overwrites nothing")
	}
	if _, err := call(t, "init"); err == nil {
		t.Error("the configuration was overwritten")
	}
}

// Every place leads to files that are there.
func TestInitDeploysEveryPlace(t *testing.T) {
	for _, s := range advice.Places(advice.Requirements{}) {
		if s.Excluded != "" {
			continue
		}
		dir := t.TempDir()
		out, err := call(t, "init", "--place", s.Name, "--deploy", dir, "-o", filepath.Join(dir, "sluice.yaml"), "--output", "json")
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		var r recommendation
		if err := json.Unmarshal([]byte(out), &r); err != nil || r.Place != s.Name || len(r.Written) == 0 || len(r.Defaults) != len(initQuestions()) {
			t.Errorf("%s: %v, %+v", s.Name, err, r)
		}
		for _, path := range r.Written {
			if info, err := os.Stat(path); err != nil || info.Size() == 0 {
				t.Errorf("%s: %s: %v", s.Name, path, err)
			}
		}
	}
}

func TestInitToStandardOutput(t *testing.T) {
	var out, talk bytes.Buffer
	root := newRoot()
	root.SetArgs([]string{"init", "--strategy=blue_green", "-o", "-", "--service", "a.b-c", "--stable=http://[::1]:1", "--stable=http://x", "--canary=https://y"})
	root.SetOut(&out)
	root.SetErr(&talk)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg := valid(t, "-", out.String())
	if v := cfg.Services[0].Versions; cfg.Services[0].Name != "a.b-c" || len(v[0].Endpoints) != 2 || v[1].Endpoints[0].Scheme != "https" {
		t.Errorf("got %+v", cfg.Services[0])
	}
	if !strings.Contains(talk.String(), "chosen by you; recommended: canary") {
		t.Errorf("got %s", talk.String())
	}
}

func TestInitRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, line := range []string{
		"init extra", "init --risk huge", "init --traffic -1", "init --traffic NaN", "init --strategy big-bang", "init --place dbaas",
		"init --output yaml", "init -o - --output json", "init --approval=perhaps", "init --budget",
	} {
		if out, err := call(t, strings.Fields(line)...); !errors.Is(err, errUsage) {
			t.Errorf("sluice %s: got %v and %q, want wrong usage", line, err, out)
		}
	}
	for _, args := range [][]string{
		{"init", "--service", "a b"}, {"init", "--stable", "ftp://x"}, {"init", "--canary", "http://127.0.0.1:9001\"]}"}, {"init", "--health-path", "health"},
	} {
		if _, err := call(t, args...); err == nil || !strings.Contains(err.Error(), "make no configuration") {
			t.Errorf("%q: got %v", args, err)
		}
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("it left %v behind", left)
	}
}

// dialogue is init at a terminal, with these lines typed.
func dialogue(t *testing.T, given map[string]string, lines ...string) (out, talk string, err error) {
	t.Helper()
	var o, w bytes.Buffer
	c := initCall{in: strings.NewReader(strings.Join(lines, "\n") + "\n"), out: &o, talk: &w, interactive: true, given: given, output: outputJSON,
		site: site{service: "shop", stable: []string{"http://a"}, canary: []string{"http://b"}}, file: filepath.Join(t.TempDir(), "s.yaml")}
	err = c.run()
	return o.String(), w.String(), err
}

func TestInitAsks(t *testing.T) {
	out, talk, err := dialogue(t, map[string]string{"risk": "High"},
		"", "lots", "0.2", "Y", "data", "", "no", "yes", "low", "gdpr, HIPAA", "advanced", "high", "n")
	if err != nil {
		t.Fatalf("%v\n%s", err, talk)
	}
	var r recommendation
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"goal": "release", "risk": "high", "traffic": "0.2", "second-environment": "yes", "state": "data", "experience": "basic",
		"approval": "no", "instant-rollback": "yes", "budget": "low", "compliance": "gdpr,HIPAA", "expertise": "advanced", "growth": "high", "sovereignty": "no"}
	for flag, answer := range want {
		if r.Answers[flag] != answer {
			t.Errorf("%s: got %q, want %q", flag, r.Answers[flag], answer)
		}
	}
	if r.Strategy != "blue_green" || r.Place != "single_server" || len(r.Defaults) != 0 {
		t.Errorf("got %s at %s, defaults %v", r.Strategy, r.Place, r.Defaults)
	}
	if strings.Contains(talk, "bad version would cost") || !strings.Contains(talk, `got "lots", want a number`) {
		t.Errorf("asked:\n%s", talk)
	}
}

func TestInitStopsAsking(t *testing.T) {
	if _, _, err := dialogue(t, nil, "release", "low"); err == nil || !strings.Contains(err.Error(), "--traffic: no answer") {
		t.Errorf("the input ends: got %v", err)
	}
	if _, _, err := dialogue(t, nil, "a", "b", "c", "d", "e"); err == nil || !strings.Contains(err.Error(), "no answer in 5 tries") {
		t.Errorf("five wrong answers: got %v", err)
	}
}

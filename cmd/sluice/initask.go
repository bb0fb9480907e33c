package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"sluice/internal/advice"
)

// question is one thing that init asks; its answer is kept under the flag's name.
type question struct {
	flag, text string
	words      []string // the answers there are, least first; nil: read says
	fallback   string
	free       func(string) (string, error) // of a question without words
}

func initQuestions() []question {
	levels, teams, yesNo := []string{"low", "medium", "high"}, []string{"basic", "intermediate", "advanced"}, []string{"no", "yes"}
	return []question{
		{"goal", "What is the next version for", []string{"release", "experiment", "rehearsal"}, "release", nil},
		{"risk", "What a bad version would cost", levels, "medium", nil},
		{"traffic", "Requests per second at usual times", nil, "50", requestsPerSecond},
		{"second-environment", "Is there capacity for all the traffic twice", yesNo, "no", nil},
		{"state", "What two versions that serve at once share: nothing, sessions of users, or data that only one can work with", []string{"none", "sessions", "data"}, "none", nil},
		{"experience", "The team's experience with rollouts", teams, "basic", nil},
		{"approval", "Must somebody approve, on record", yesNo, "no", nil},
		{"instant-rollback", "Do seconds matter on the way back", yesNo, "no", nil},
		{"budget", "Budget for hosting", levels, "medium", nil},
		{"compliance", "Rules to comply with, such as GDPR,HIPAA,Local regulations; or none", nil, "none", rules},
		{"expertise", "The team's expertise with running servers", teams, "intermediate", nil},
		{"growth", "Growth to expect", levels, "medium", nil},
		{"sovereignty", "Must data stay where you have full control", yesNo, "no", nil},
	}
}

func (q *question) yesNo() bool { return len(q.words) == 2 }

// choice is " (low, medium or high)".
func (q *question) choice() string {
	if len(q.words) == 0 {
		return ""
	}
	last := len(q.words) - 1
	return " (" + strings.Join(q.words[:last], ", ") + " or " + q.words[last] + ")"
}

// read brings an answer into its one form, or refuses it.
func (q *question) read(s string) (string, error) {
	s = strings.TrimSpace(s)
	if q.words == nil {
		return q.free(s)
	}
	s = strings.ToLower(s)
	if q.yesNo() {
		switch s {
		case "y", "true":
			s = "yes"
		case "n", "false":
			s = "no"
		}
	}
	if !slices.Contains(q.words, s) {
		return "", fmt.Errorf("got %q, want one of %s", s, strings.Join(q.words, ", "))
	}
	return s, nil
}

const mostTries = 5

// ask asks until the answer is one. An empty one is the default.
func (q *question) ask(in *bufio.Reader, out io.Writer) (string, error) {
	for range mostTries {
		fmt.Fprintf(out, "%s%s [%s]: ", q.text, q.choice(), q.fallback)
		line, err := in.ReadString('\n')
		if err != nil && (!errors.Is(err, io.EOF) || line == "") {
			fmt.Fprintln(out)
			return "", fmt.Errorf("--%s: no answer: %w", q.flag, err)
		}
		if strings.TrimSpace(line) == "" {
			return q.fallback, nil
		}
		final, err := q.read(line)
		if err == nil {
			return final, nil
		}
		fmt.Fprintf(out, "  %v\n", err)
	}
	return "", fmt.Errorf("--%s: no answer in %d tries", q.flag, mostTries)
}

func requestsPerSecond(s string) (string, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return "", fmt.Errorf("got %q, want a number such as 50 or 0.5", s)
	}
	return strconv.FormatFloat(v, 'f', -1, 64), nil
}

// rules reads names, with commas between them.
func rules(s string) (string, error) {
	var all []string
	for one := range strings.SplitSeq(s, ",") {
		one = strings.TrimSpace(one)
		switch {
		case one == "" || strings.EqualFold(one, "none"):
			continue
		case len(one) > 64 || strings.ContainsFunc(one, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return "", fmt.Errorf("got %q, want names such as GDPR,HIPAA", one)
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return "none", nil
	}
	return strings.Join(all, ","), nil
}

// answers are the final ones, by flag.
type answers map[string]string

// at is the place of an answer among its question's words.
func (a answers) at(flag string) int {
	for _, q := range initQuestions() {
		if q.flag == flag {
			return max(0, slices.Index(q.words, a[flag]))
		}
	}
	return 0
}

func (a answers) yes(flag string) bool { return a[flag] == "yes" }

func (a answers) needs() advice.Needs {
	perSecond, _ := strconv.ParseFloat(a["traffic"], 64) // was read before
	return advice.Needs{
		Goal: advice.Goal(a.at("goal")), Risk: advice.Level(1 + a.at("risk")), PerSecond: perSecond,
		SecondEnvironment: a.yes("second-environment"), State: advice.State(a.at("state")),
		Experience: advice.Expertise(a.at("experience")), Compliance: a.yes("approval"), InstantRollback: a.yes("instant-rollback"),
	}
}

func (a answers) requirements() advice.Requirements {
	r := advice.Requirements{
		Budget: advice.Level(1 + a.at("budget")), Expertise: advice.Expertise(a.at("expertise")),
		Growth: advice.Level(1 + a.at("growth")), Sovereignty: a.yes("sovereignty"),
	}
	if a["compliance"] != "none" {
		r.Compliance = strings.Split(a["compliance"], ",")
	}
	return r
}

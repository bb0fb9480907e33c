package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"sluice/config"
	"sluice/internal/advice"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newInitCommand() *cobra.Command {
	call := &initCall{given: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "recommend a strategy and a place to host, and write a configuration to start from",
		Long: `Ask a few questions, recommend how to bring new versions into service and where to run sluice, each
with its score and reasons, and write a commented configuration that validates. Every question is also a
flag. Away from a terminal nothing is asked: what no flag answers gets its default, and init says so.`,
		Example: "  sluice init\n  sluice init --risk high --traffic 800 --approval yes -o shop.yaml\n" +
			"  sluice init --strategy blue_green --stable http://10.0.0.1:8080 --canary http://10.0.0.2:8080\n" +
			"  sluice init --place public_cloud --deploy ./deploy --output json",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call.in, call.out, call.talk = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			f, ok := call.in.(*os.File)
			call.interactive = ok && term.IsTerminal(int(f.Fd()))
			for _, q := range initQuestions() {
				if cmd.Flags().Changed(q.flag) {
					call.given[q.flag] = cmd.Flags().Lookup(q.flag).Value.String()
				}
			}
			return call.run()
		},
	}
	call.flags(cmd)
	return cmd
}

func (c *initCall) flags(cmd *cobra.Command) {
	for _, q := range initQuestions() {
		cmd.Flags().String(q.flag, q.fallback, q.text+q.choice())
	}
	f := cmd.Flags()
	f.StringVar(&c.strategy, "strategy", "", "use this strategy instead of the one recommended")
	f.StringVar(&c.place, "place", "", "use this place instead of the one recommended")
	f.StringVar(&c.site.service, "service", "shop", "name of the service")
	f.StringArrayVar(&c.site.stable, "stable", []string{"http://127.0.0.1:9001"}, "URL of an endpoint of the present version; may be repeated")
	f.StringArrayVar(&c.site.canary, "canary", []string{"http://127.0.0.1:9002"}, "URL of an endpoint of the next version; may be repeated")
	f.StringVar(&c.site.health, "health-path", "", "path of a health check, such as /health")
	f.StringVarP(&c.file, "file", "o", "sluice.yaml", "where the configuration goes; - is standard output")
	f.StringVar(&c.deploy, "deploy", "", "also write the place's deployment files into this directory")
	f.BoolVar(&c.force, "force", false, "overwrite files")
	f.StringVar(&c.output, "output", outputText, "form of the recommendation: text or json")
}

// initCall is one `sluice init`.
type initCall struct {
	in          io.Reader
	out, talk   io.Writer // talk: questions, and the recommendation where out gets the configuration
	interactive bool
	given       map[string]string // by flag: what was given there

	site                                  site
	strategy, place, file, deploy, output string
	force                                 bool
}

// recommendation is what init found, as --output json shows it.
type recommendation struct {
	Strategy   string            `json:"strategy"`
	Strategies []advice.Score    `json:"strategies"`
	Place      string            `json:"place"`
	Places     []advice.Score    `json:"places"`
	Answers    map[string]string `json:"answers"`
	Defaults   []string          `json:"defaults,omitempty"` // answers that nobody gave
	File       string            `json:"file"`
	StartFrom  []string          `json:"start_from"`        // in deploy/
	Written    []string          `json:"written,omitempty"` // of deploy/
}

func (c *initCall) run() error {
	if err := c.check(); err != nil {
		return err
	}
	answers, defaults, err := c.answers()
	if err != nil {
		return err
	}
	needs, requirements := answers.needs(), answers.requirements()
	r := recommendation{Strategies: advice.Strategies(needs), Places: advice.Places(requirements),
		Answers: answers, Defaults: defaults, File: c.file, Strategy: c.strategy, Place: c.place}
	if r.Strategy == "" {
		r.Strategy = r.Strategies[0].Name
	}
	if r.Place == "" {
		r.Place = r.Places[0].Name
	}
	r.StartFrom = startFrom(r.Place)
	text := c.site.configuration(r, needs)
	if _, err := config.Parse(c.file, []byte(text), config.ParseOptions{}); err != nil {
		return fmt.Errorf("these flags make no configuration:\n%w", err)
	}
	if r.Written, err = c.write(r, text); err != nil {
		return err
	}
	return c.tell(r)
}

func (c *initCall) check() error {
	if err := checkOutput(c.output); err != nil {
		return err
	}
	if c.output == outputJSON && c.file == "-" {
		return fmt.Errorf("%w: --output json and --file - both want standard output", errUsage)
	}
	if err := oneOf("--strategy", c.strategy, names(advice.Strategies(advice.Needs{}))); err != nil {
		return err
	}
	var places []string
	for _, s := range advice.Places(advice.Requirements{}) {
		if s.Excluded == "" {
			places = append(places, s.Name)
		}
	}
	return oneOf("--place", c.place, places)
}

func names(scores []advice.Score) (all []string) {
	for _, s := range scores {
		all = append(all, s.Name)
	}
	return all
}

// oneOf refuses a flag's value that is none of words; "" is not given.
func oneOf(flag, value string, words []string) error {
	if value == "" {
		return nil
	}
	for _, w := range words {
		if w == value {
			return nil
		}
	}
	return fmt.Errorf("%w: %s: got %q, want one of %s", errUsage, flag, value, strings.Join(words, ", "))
}

// answers takes what flags gave, asks for the rest at a terminal, and else takes defaults.
func (c *initCall) answers() (answers, []string, error) {
	all, in := answers{}, bufio.NewReader(c.in)
	if c.interactive {
		fmt.Fprintln(c.talk, "An empty line takes the answer in brackets.")
	}
	var defaults []string
	for _, q := range initQuestions() {
		value, given := c.given[q.flag]
		switch {
		case given:
			final, err := q.read(value)
			if err != nil {
				return nil, nil, fmt.Errorf("%w: --%s: %w", errUsage, q.flag, err)
			}
			all[q.flag] = final
		case c.interactive:
			final, err := q.ask(in, c.talk)
			if err != nil {
				return nil, nil, err
			}
			all[q.flag] = final
		default:
			all[q.flag] = q.fallback
			defaults = append(defaults, q.flag)
		}
	}
	return all, defaults, nil
}

// write writes all files, or none: whether they are there already is looked at before.
func (c *initCall) write(r recommendation, text string) (written []string, err error) {
	files, err := deploymentFiles(r.StartFrom, c.deploy)
	if err != nil {
		return nil, err
	}
	if c.file != "-" {
		files = append([]file{{c.file, text}}, files...)
	}
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil && !c.force {
			return nil, fmt.Errorf("%s is there already; --force overwrites it", f.path)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if c.file == "-" {
		if _, err := io.WriteString(c.out, text); err != nil {
			return nil, err
		}
	}
	for _, f := range files {
		if err := f.write(); err != nil {
			return nil, err
		}
		if f.path != c.file {
			written = append(written, f.path)
		}
	}
	return written, nil
}

// tell prints the recommendation.
func (c *initCall) tell(r recommendation) error {
	if c.output == outputJSON {
		enc := json.NewEncoder(c.out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(r)
	}
	w := c.out
	if c.file == "-" {
		w = c.talk
	}
	_, err := io.WriteString(w, r.text(c.site.service))
	return err
}

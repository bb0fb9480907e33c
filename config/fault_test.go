package config

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the transcripts and the schema from what the code says now")

// one is a valid file of one service, which the transcripts build on.
const one = `services:
  - name: shop
    stable: v1
    versions:
      - {name: v1, weight: 100, endpoints: ["http://127.0.0.1:9001"]}
      - {name: v2, weight: 0, endpoints: ["http://127.0.0.1:9002"]}
`

// example is one case of a transcript: a text, and the faults that it must give, all of
// them and in this order.
type example struct{ name, in, want string }

// transcript reads "== name", the text, "--", and the faults, line by line.
func transcript(t *testing.T, path string) []example {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	for i, part := range strings.Split("\n"+string(data), "\n== ") {
		if i == 0 {
			continue
		}
		name, rest, _ := strings.Cut(part, "\n")
		in, want, _ := strings.Cut(rest+"\n", "\n--\n")
		all = append(all, example{name: name, in: in, want: strings.Trim(want, "\n")})
	}
	return all
}

// whole is the file that an example stands for: what is indented goes into the
// service of one (lines from 7 on), what starts with a top-level key before
// it, and a text that says services or is marked with "# whole" stands alone.
func (e example) whole() string {
	switch {
	case strings.HasPrefix(e.in, "# whole"):
		return strings.TrimPrefix(strings.TrimPrefix(e.in, "# whole"), "\n")
	case strings.HasPrefix(e.in, "services:"):
		return e.in + "\n"
	case strings.HasPrefix(e.in, " "):
		return one + e.in + "\n"
	}
	return e.in + "\n" + one
}

func TestFaults(t *testing.T) {
	const path = "testdata/faults.txt"
	examples := transcript(t, path)
	if len(examples) < 60 {
		t.Fatalf("only %d examples", len(examples))
	}
	var out strings.Builder
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) {
			_, err := Parse("f", []byte(e.whole()), ParseOptions{Expand: true, Lookup: noVariables, ReadFile: os.ReadFile})
			got := ""
			if err != nil {
				got = err.Error()
			}
			out.WriteString("== " + e.name + "\n" + e.in + "\n--\n" + got + "\n\n")
			if got != e.want && !*update {
				t.Errorf("got\n%s\nwant\n%s\nfor\n%s", got, e.want, e.whole())
			}
		})
	}
	if *update {
		if err := os.WriteFile(path, []byte(strings.TrimSuffix(out.String(), "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func noVariables(string) (string, bool) { return "", false }

package admin

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// The document names calls and metrics that exist.
func TestDocumentNamesWhatExists(t *testing.T) {
	raw, err := os.ReadFile("../docs/API.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	routed := map[string]bool{}
	for _, rt := range new(Server).routes() {
		routed[rt.method+" "+rt.path] = true
	}
	calls := regexp.MustCompile("`(GET|PUT|POST|DELETE) (/[^`? ]+)").FindAllStringSubmatch(text, -1)
	if len(calls) < 8 {
		t.Errorf("found %d calls, want 8 or more", len(calls))
	}
	for _, m := range calls {
		if !routed[m[1]+" "+m[2]] {
			t.Errorf("%s %s does not exist", m[1], m[2])
		}
	}
	out := make(chan *prometheus.Desc, 64)
	idle(t, 1).Describe(out)
	close(out)
	for d := range out {
		name := strings.Split(d.String(), `"`)[1]
		if !strings.Contains(text, name) {
			t.Errorf("%s is not documented", name)
		}
	}
	for _, action := range actions {
		if !strings.Contains(text, `{"action":"`+action+`"}`) {
			t.Errorf("action %s is not documented", action)
		}
	}
}

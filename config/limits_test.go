package config

import (
	"fmt"
	"strings"
	"testing"
)

// Texts made to cost the parser quadratic time or a deep stack are refused by
// their shape; each of these took seconds, or the process, before.
func TestHostileTexts(t *testing.T) {
	lines := func(n int, line func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(line(i))
		}
		return b.String()
	}
	tests := []struct{ name, in, want string }{
		{"open brackets", strings.Repeat("[", 100_000), "f:1:65: nested too deeply"},
		{"open braces", strings.Repeat("{a: ", 100_000), "nested too deeply"},
		{"dashes", strings.Repeat("- ", 100_000), "f:1:33: nested too deeply"},
		{"question marks", strings.Repeat("? ", 100_000), "nested too deeply"},
		{"tags", strings.Repeat("!!str ", 10_000), "nested too deeply"},
		{"indents", lines(1000, func(i int) string { return strings.Repeat(" ", i) + "a:\n" }), "f:257:257: nested too deeply"},
		{"many keys", lines(90_000, func(i int) string { return fmt.Sprintf("k%d: 1\n", i) }), "f:5001:6: more than 5000 keys in one mapping"},
		{"many bytes", strings.Repeat("#", maxFileBytes+1), "the limit is 16777216"},
		{"not text", "a: \xff", "not valid UTF-8"},
		{"many listeners", "listeners: [" + strings.Repeat("{address: ':1'},", 300) + "]\n" + one, "listeners: got 300, want at most 256"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			faults := Check("f", []byte(test.in))
			if len(faults) != 1 || !strings.Contains(faults.Error(), test.want) {
				t.Errorf("got %.200v, want %s", faults, test.want)
			}
		})
	}
}

// Many mappings of a few keys are no mapping of many keys.
func TestManyServices(t *testing.T) {
	var b strings.Builder
	b.WriteString("services:\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "  - name: s%d\n    routes:\n      - hosts: [h%d.example.com]\n    versions:\n      - name: v1\n        endpoints: ['http://a']\n", i, i)
	}
	c, err := Parse("f", []byte(b.String()), ParseOptions{})
	if err != nil {
		t.Fatalf("%.500v", err)
	}
	if len(c.Services) != 3000 {
		t.Errorf("got %d services", len(c.Services))
	}
}

func TestInactive(t *testing.T) {
	c := parsed(t, full)
	if got := c.Inactive(); len(got) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
	c = parsed(t, one+`    guard: {mode: window, window: 10s, breach: {hangs: "> 5", success_rate: ["< 95%", "< 0.9x stable"], p99_latency: "> 2x stable", cpu_utilization: "> 90%", expression: "p99.canary > 100"}}`)
	if got := c.Inactive(); len(got) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
}

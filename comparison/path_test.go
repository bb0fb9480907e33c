package comparison

import (
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"whole body", "$", "$"},
		{"member", "$.id", "$.id"},
		{"nested", "$.a.b-c._d", "$.a.b-c._d"},
		{"elements", "$.items[*].at", "$.items[*].at"},
		{"one element", "$.items[2]", "$.items[2]"},
		{"dot star", "$.*.x", "$[*].x"},
		{"quoted", `$['a b'].c`, "$['a b'].c"},
		{"quoted needlessly", `$["a"]`, "$.a"},
		{"quoted quote", `$['it\'s']`, `$['it\'s']`},
		{"at any depth", "$..updated_at", "$..updated_at"},
		{"quoted at any depth", "$..['a b']", "$..['a b']"},
		{"not ASCII", "$.größe", "$.größe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := ParsePath(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestParsePathRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", "begins with $"},
		{"no dollar", "items.at", "begins with $"},
		{"dot alone", "$.", "want a name"},
		{"blank", "$.a b", "want . or ["},
		{"open bracket", "$[", "in brackets"},
		{"negative index", "$[-1]", "in brackets"},
		{"index with zeros", "$[01]", "in brackets"},
		{"open quote", "$['a", "no end"},
		{"quote without bracket", "$['a'.b", "want ]"},
		{"filter", "$.items[?(@.a)]", "in brackets"},
		{"too long", "$." + strings.Repeat("a", 1100), "at most 1024"},
		{"too many steps", "$" + strings.Repeat(".a", 65), "at most 64 steps"},
		{"too many at any depth", "$..a..a..a..a", "with two dots"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParsePath(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestPathCovers(t *testing.T) {
	tests := []struct {
		pattern, at string
		want        bool
	}{
		{"$", "$", true},
		{"$", "$.a", false}, // Diff does not go below what is covered
		{"$.a", "$.a", true},
		{"$.a", "$.b", false},
		{"$.items[*].at", "$.items[7].at", true},
		{"$.items[*].at", "$.items.at", false},
		{"$.items[2]", "$.items[2]", true},
		{"$.items[2]", "$.items[3]", false},
		{"$[*].at", "$.any.at", true},
		{"$..at", "$.at", true},
		{"$..at", "$.a[0].b.at", true},
		{"$..at", "$.a[0].at.b", false},
		{"$..a..b", "$.x.a.y.a.z.b", true},
		{"$..a.b", "$.a.c.a.b", true},
		{"$['1']", "$[1]", false},
	}
	for _, tt := range tests {
		pattern, at := mustPath(t, tt.pattern), mustPath(t, tt.at)
		if got := pattern.covers(at.steps); got != tt.want {
			t.Errorf("%s covers %s: got %v", tt.pattern, tt.at, got)
		}
	}
}

func TestFold(t *testing.T) {
	tests := []struct{ in, want string }{
		{"status", "status"},
		{"header Content-Type", "header Content-Type"},
		{"$.items[2].price", "$.items[*].price"},
		{"$.items[2][0]", "$.items[*][*]"},
		{"$.users.1234.name", "$.users[*].name"},
		{"$.users.0b9c4de2-9a3b-4ef1-8a11-6a6c1f3c9d55.name", "$.users[*].name"},
		{"$.deadbeef.name", "$.deadbeef.name"}, // too short to be sure
		{"$.abcdefabcdefabcdef", "$.abcdefabcdefabcdef"},
		{"$['a[2]']", "$['a[2]']"},
	}
	for _, tt := range tests {
		if got := fold(tt.in); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.in, got, tt.want)
		}
	}
}

func mustPath(t testing.TB, text string) Path {
	t.Helper()
	p, err := ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"$", "$.a[*].b", `$['it\'s'][3]`, "$..x.*", "$[", "$['a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePath(text)
		if err != nil {
			return
		}
		again, err := ParsePath(p.String())
		if err != nil && len(p.String()) <= maxPath {
			t.Fatalf("%q reads as %q, which does not: %v", text, p.String(), err)
		}
		if err == nil && again.String() != p.String() {
			t.Fatalf("%q became %q and then %q", text, p.String(), again.String())
		}
		if !p.covers(plainSteps(p.steps)) {
			t.Fatalf("%q does not cover the place it names", text)
		}
	})
}

// plainSteps is a place that the steps lead to.
func plainSteps(steps []step) (at []step) {
	for _, s := range steps {
		if s.kind == wildcard {
			s = step{kind: byIndex, index: 1}
		}
		s.deep = false
		at = append(at, s)
	}
	return at
}

package webhook

import "testing"

func TestPrintable(t *testing.T) {
	for _, tt := range []struct {
		in   string
		most int
		want string
	}{
		{"", 5, ""}, {"  a \n\t b  ", 0, "a b"}, {"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"ab cd", 3, "ab…"},
		{"a\x00b\x1bc", 0, "abc"}, {"a\u202eb\u200bc", 0, "abc"}, {"\xff", 0, "?"}, {"äöü", 2, "äö…"},
	} {
		if got := Printable(tt.in, tt.most); got != tt.want {
			t.Errorf("%q, %d: got %q, want %q", tt.in, tt.most, got, tt.want)
		}
	}
}

package router

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestNormalize(t *testing.T) {
	for _, tc := range []struct {
		name, in, want string
		ok             bool
	}{
		{"plain", "/a/b", "/a/b", true},
		{"root", "/", "/", true},
		{"empty", "", "/", true},
		{"asterisk form", "*", "*", true},
		{"escape", "/a%20b%C3%A9", "/a b\xc3\xa9", true},
		{"lower-case escape", "/%e2%82%ac", "/\u20ac", true},
		{"trailing slash stays", "/a/", "/a/", true},
		{"double slash", "/a//b", "/a/b", true},
		{"leading slashes", "///a", "/a", true},
		{"only slashes", "///", "/", true},
		{"hidden file", "/.well-known/x", "/.well-known/x", true},
		{"three dots", "/a/.../b", "/a/.../b", true},
		{"dots inside a name", "/a..b/c.", "/a..b/c.", true},
		{"parameter", "/a;v=1/b", "/a;v=1/b", true},
		{"encoded percent stays", "/100%25", "/100%25", true},
		{"doubly encoded slash is no slash", "/a%252fb", "/a%252fb", true},
		{"dot", "/a/./b", "/a/b", false},
		{"dot dot", "/a/../b", "/b", false},
		{"dot at the end", "/a/.", "/a/", false},
		{"dot dot at the end", "/a/b/..", "/a/", false},
		{"above the root", "/../../etc/passwd", "/etc/passwd", false},
		{"encoded dots", "/a/%2e%2E/b", "/b", false},
		{"half-encoded dots", "/a/.%2e/b", "/b", false},
		{"encoded slash", "/a%2fb", "/a/b", false},
		{"encoded slash, upper case", "/a%2Fb", "/a/b", false},
		{"dots behind an encoded slash", "/a%2f..%2fb", "/b", false},
		{"encoded backslash", "/a%5cb", "/a/b", false},
		{"encoded backslash, upper case", "/a%5C..%5Cb", "/b", false},
		{"backslash", `/a\b`, "/a/b", false},
		{"NUL", "/a%00b", "/a\x00b", false},
		{"raw NUL", "/a\x00b", "/a\x00b", false},
		{"servlet parameter", "/a/..;x=1/b", "/b", false},
		{"encoded semicolon", "/a/..%3b/b", "/b", false},
		{"semicolon after dots within a name", "/a..;b", "/a..;b", false},
		{"dot with a parameter", "/a/.;x/b", "/a/b", false},
		{"bad escape", "/a%zzb", "/a%25zzb", false},
		{"cut escape", "/a%2", "/a%252", false},
		{"lone percent", "/%", "/%25", false},
		{"no leading slash", "a/b", "/a/b", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := Normalize(make([]byte, 0, 64), []byte(tc.in))
			if string(got) != tc.want || ok != tc.ok {
				t.Errorf("Normalize(%q) = %q, %v, want %q, %v", tc.in, got, ok, tc.want, tc.ok)
			}
		})
	}
}

func TestNormalizeOverwritesDst(t *testing.T) {
	dst := []byte("left over")
	if got, _ := Normalize(dst, []byte("/a")); string(got) != "/a" {
		t.Errorf("got %q, want /a", got)
	}
}

func FuzzNormalize(f *testing.F) {
	for _, s := range []string{"/", "/a/../b", "/%2e%2e/", "/a%2f..%5c..;x", "//", "/%25%32%65", "*", "/.;/..;", `\..\`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		kept := slices.Clone(raw)
		path, ok := Normalize(nil, raw)
		if !bytes.Equal(kept, raw) {
			t.Fatalf("changed its input %q to %q", kept, raw)
		}
		if string(path) == "*" {
			return
		}
		if len(path) == 0 || path[0] != '/' || bytes.Contains(path, []byte("//")) {
			t.Fatalf("Normalize(%q) = %q", raw, path)
		}
		for seg := range strings.SplitSeq(string(path), "/") {
			if seg == "." || seg == ".." || strings.HasPrefix(seg, "..;") {
				t.Fatalf("Normalize(%q) = %q: dot segment", raw, path)
			}
		}
		if !ok {
			return
		}
		again, ok := Normalize(nil, path)
		if !ok || !bytes.Equal(again, path) {
			t.Fatalf("Normalize(%q) = %q, again %q, %v", raw, path, again, ok)
		}
	})
}

package admin

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTokenHoldsItsClaim(t *testing.T) {
	s, err := openLinks("")
	if err != nil {
		t.Fatal(err)
	}
	want := linkClaim{Service: "shop", Run: "20261122T100000-1", Gate: "stage:expansion", Action: linkApprove, Expires: time.Now().Add(time.Hour).UnixMilli()}
	token := s.key.token(want)
	if got, err := s.key.claim(token); err != nil || got != want {
		t.Fatalf("got %+v and %v, want %+v", got, err, want)
	}
	if len(token) > maxToken/2 {
		t.Errorf("a token of %d characters", len(token))
	}
	other := linkKey{1}
	if _, err := other.claim(token); err == nil {
		t.Error("another key takes the token")
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw { // no bit of it may be changed
		bent := append([]byte(nil), raw...)
		bent[i] ^= 1
		if _, err := s.key.claim(base64.RawURLEncoding.EncodeToString(bent)); err == nil {
			t.Errorf("byte %d is not signed", i)
		}
	}
	for _, bad := range []string{"", "a", token + "a", token[:len(token)-1], token + "=", strings.Repeat("A", 2*maxToken), "ä"} {
		if _, err := s.key.claim(bad); err == nil {
			t.Errorf("%.20q passes", bad)
		}
	}
}

func TestLinksOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	first, err := openLinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	claim := linkClaim{Service: "shop", Run: "r", Gate: "promotion", Action: linkAbort, Expires: time.Now().Add(linkLife).UnixMilli()}
	token := first.key.token(claim)
	if first.spent(claim) {
		t.Error("spent before it was used")
	}
	if err := first.spend(claim, time.Now()); err != nil {
		t.Fatal(err)
	}
	second, err := openLinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := second.key.claim(token); err != nil || got != claim {
		t.Errorf("after a restart: got %+v and %v", got, err)
	}
	sibling := claim
	sibling.Action = linkApprove
	later := claim // the same gate, entered again
	later.Expires += time.Minute.Milliseconds()
	if !second.spent(claim) || !second.spent(sibling) || second.spent(later) {
		t.Errorf("after a restart: spent %v, sibling %v, a later one %v, want true, true, false", second.spent(claim), second.spent(sibling), second.spent(later))
	}
	info, err := os.Stat(filepath.Join(dir, linksFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v, want mode 0600", info.Mode(), err)
	}
}

func TestBrokenLinksFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, linksFile)
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken, err := openLinks(dir)
	if err == nil || !strings.Contains(err.Error(), "void") {
		t.Errorf("got %v, want to be told that old links are void", err)
	}
	whole, err := openLinks(dir)
	if err != nil || whole.key != broken.key || whole.key == (linkKey{}) {
		t.Errorf("the new key is not kept: %v", err)
	}
	if _, err := openLinks(filepath.Join(dir, "missing")); err == nil {
		t.Error("a directory that is not there: want an error")
	}
}

func FuzzLinkToken(f *testing.F) {
	s, err := openLinks("")
	if err != nil {
		f.Fatal(err)
	}
	good := s.key.token(linkClaim{Service: "shop", Run: "r", Gate: "promotion", Action: linkAbort, Expires: 1})
	f.Add(good)
	f.Add(good[1:])
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := s.key.claim(token); err == nil && token != good {
			t.Errorf("%q passes", token)
		}
	})
}

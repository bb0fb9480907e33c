package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseInjection(t *testing.T) {
	s := &Service{Name: "shop", Stable: "v1", Versions: []Version{{Name: "v1"}, {Name: "v2"}}, Mirror: &Mirror{To: "v2"}}
	got, err := ParseInjection([]byte(`{"name":"slow","version":"v2","percent":10,"duration":"30s","delay":"200ms","jitter":"50ms"}`), s)
	want := Injection{Name: "slow", Version: "v2", Percent: 10, Duration: 30 * time.Second, Traffic: "preview", Delay: 200 * time.Millisecond, Jitter: 50 * time.Millisecond}
	if err != nil || got != want {
		t.Fatalf("got %+v and %v, want %+v", got, err, want)
	}
	if shown := got.Show(); shown["delay"] != "200ms" || shown["reset"] != nil {
		t.Errorf("shown as %v", shown)
	}
	for in, want := range map[string]string{
		`{}`:       "name: missing",
		`[]`:       "want a mapping",
		``:         "nothing is there",
		`{"name":`: "",
		`{"name":"a","version":"v3","percent":10,"duration":"30s","reset":true}`:                 "version",
		`{"name":"a","version":"v2","percent":10,"duration":"30s","abort":200}`:                  "abort: got \"200\"",
		`{"name":"a","version":"v2","percent":10,"duration":"2h","reset":true}`:                  "duration: got 2h",
		`{"name":"a","version":"v2","percent":10,"duration":"30s"}`:                              "no effect",
		`{"name":"a","version":"v2","percent":10,"duration":"${HOME}","reset":true}`:             "duration: ${…} is not expanded here",
		`{"name":"a","version":"v2","percent":10,"duration":"30s","reset":true,"until":"later"}`: "until: unknown key",
	} {
		_, err := ParseInjection([]byte(in), s)
		if !errors.As(err, new(Faults)) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "x.faults") {
			t.Errorf("%s: got %v, want %q", in, err, want)
		}
	}
}

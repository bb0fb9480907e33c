package proxy

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestAccessLogJSON(t *testing.T) {
	const want = `{"time":"2026-11-22T00:02:03.004005Z","duration_us":1500,"client":"192.0.2.1","method":"GET",` +
		`"host":"shop.example.com","target":"/a?b=c","proto":"HTTP/1.1","status":200,"bytes_in":1,"bytes_out":2,` +
		`"service":"shop","version":"v1","endpoint":"http://127.0.0.1:9001","why":"weight","attempts":1,"upstream_us":1000,` +
		`"outcome":"2xx","refusal":"","request_id":"id-1","user_agent":"curl/8","referer":"http://x/"}` + "\n"
	if got := string(appendJSONLine(nil, sampleEntry())); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	var empty map[string]any
	if err := json.Unmarshal(appendJSONLine(nil, &logEntry{}), &empty); err != nil || len(empty) != 21 {
		t.Errorf("empty entry: %v, %v", empty, err)
	}
}

func TestAccessLogCombined(t *testing.T) {
	tests := []struct {
		name string
		in   func(*logEntry)
		want string
	}{
		{"whole", func(*logEntry) {},
			`192.0.2.1 - - [22/Nov/2026:00:02:03 +0000] "GET /a?b=c HTTP/1.1" 200 2 "http://x/" "curl/8"`},
		{"empty", func(e *logEntry) { *e = logEntry{Time: e.Time} },
			`- - - [22/Nov/2026:00:02:03 +0000] "-" 000 - "-" "-"`},
		{"escaped", func(e *logEntry) { e.UserAgent = []byte("a\"b\\\r\nc\x00\xc3\xa9\x7f") },
			`192.0.2.1 - - [22/Nov/2026:00:02:03 +0000] "GET /a?b=c HTTP/1.1" 200 2 "http://x/" "a\"b\\\x0d\x0ac\x00\xc3\xa9\x7f"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := sampleEntry()
			tt.in(e)
			if got := string(appendCombinedLine(nil, e)); got != tt.want+"\n" {
				t.Errorf("got  %swant %s", got, tt.want)
			}
		})
	}
}

func TestAppendJSON(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", `abc`, `abc`},
		{"quote and backslash", `a"b\`, `a\"b\\`},
		{"line ends", "a\r\n\tb", `a\r\n\tb`},
		{"control", "\x00\x1b[31m\x7f", `\u0000\u001b[31m\u007f`},
		{"C1 control", "\u009b31m", `\u009b31m`},
		{"letters", "é漢😀", "é漢😀"},
		{"line separator", "\u2028\u2029", `\u2028\u2029`},
		{"direction mark", "\u202e", `\u202e`},
		{"unprintable beyond the BMP", "\U000e0001", `\udb40\udc01`},
		{"invalid", "a\xffb\xc3", `a\ufffdb\ufffd`},
		{"surrogate half", "\xed\xa0\x80", `\ufffd\ufffd\ufffd`},
		{"a true replacement character", "\ufffd", "\ufffd"},
		{"cut", strings.Repeat("x", logFieldBytes+1), strings.Repeat("x", logFieldBytes)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(appendJSON(nil, tt.in)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := string(appendJSON(nil, []byte(tt.in))); got != tt.want {
				t.Errorf("of bytes: got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAppendLogTime(t *testing.T) {
	for _, in := range []time.Time{
		time.Date(2026, 1, 2, 3, 4, 5, 6789, time.UTC),
		time.Date(1999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(2030, 6, 15, 12, 0, 0, 0, time.FixedZone("", -3*3600)),
	} {
		want := in.UTC().Format("2006-01-02T15:04:05.000000Z")
		if got := string(appendLogTime(nil, in)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Whatever a client sends, a line is one line, valid JSON, and says the same.
func FuzzAccessLogLine(f *testing.F) {
	f.Add([]byte("/a"), []byte("curl"))
	f.Add([]byte("\"}\n{\"status\":200"), []byte("\xff\u2028\x7f\\"))
	f.Fuzz(func(t *testing.T, target, agent []byte) {
		e := sampleEntry()
		e.Target, e.UserAgent = target, agent
		line := appendJSONLine(nil, e)
		var got struct {
			Target, Service string
			UserAgent       string `json:"user_agent"`
		}
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if len(target) < logFieldBytes && got.Target != replaceInvalid(target) || got.Service != "shop" {
			t.Errorf("%q became %q, service %q", target, got.Target, got.Service)
		}
		for _, line := range [][]byte{line, appendCombinedLine(nil, e)} {
			for i, c := range line[:len(line)-1] {
				if c < ' ' || c == 0x7f {
					t.Fatalf("byte %#x at %d in %q", c, i, line)
				}
			}
			if !utf8.Valid(line) || bytes.Count(line, []byte("\n")) != 1 {
				t.Fatalf("not one line of text: %q", line)
			}
		}
	})
}

func replaceInvalid(b []byte) string {
	var out []rune
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		out, b = append(out, r), b[n:]
	}
	return string(out)
}

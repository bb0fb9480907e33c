package comparison

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func jsonAnswer(body string) Answer {
	return Answer{Status: 200, Type: "application/json", Length: int64(len(body)), Body: []byte(body)}
}

func zipped(t testing.TB, a Answer) Answer {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(a.Body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	a.Body, a.Encoding, a.Length = b.Bytes(), "gzip", int64(b.Len())
	return a
}

// lines tells differences in short.
func lines(found []Difference) string {
	var all []string
	for _, d := range found {
		all = append(all, fmt.Sprintf("%s %s %s→%s", d.Kind, d.Path, d.Stable, d.Shadow))
	}
	return strings.Join(all, "\n")
}

func TestDiffJSON(t *testing.T) {
	tests := []struct{ name, a, b, want string }{
		{"equal", `{"a":1}`, `{"a":1}`, ""},
		{"order and space", `{"a":1,"b":[true,null]}`, "{ \"b\": [true ,null],\n\"a\":1 }", ""},
		{"number as written", `[1.0,10e-1,0.10,-0,1E2]`, `[1,1,1e-1,0,100]`, ""},
		{"big integers", `[9223372036854775808]`, `[9223372036854775809]`, "value $[0] 9223372036854775808→9223372036854775809"},
		{"fractions", `[0.1]`, `[0.10000000000000001]`, "value $[0] 0.1→0.10000000000000001"},
		{"exponents past all bounds", `[1e99999999999]`, `[1e99999999998]`, "value $[0] 1e99999999999→1e99999999998"},
		{"sign", `[1]`, `[-1]`, "value $[0] 1→-1"},
		{"escapes", `["A\/\u00e9\ud83d\ude00"]`, `["A/é😀"]`, ""},
		{"halves of pairs", `["\ud800"]`, `["\ud801"]`, "value $[0] \"\uFFFD\"→\"\uFFFD\""},
		{"string", `{"a":{"b":"x"}}`, `{"a":{"b":"y"}}`, `value $.a.b "x"→"y"`},
		{"boolean", `{"a":true}`, `{"a":false}`, "value $.a true→false"},
		{"type", `{"a":"1"}`, `{"a":1}`, `type $.a "1"→1`},
		{"null is a type", `{"a":null}`, `{"a":{}}`, "type $.a null→object with 0 members"},
		{"missing", `{"a":1,"b":[1,2]}`, `{"a":1}`, "missing $.b array of 2→"},
		{"added", `{"b":2}`, `{"a":1,"b":2}`, "added $.a →1"},
		{"length alone", `{"a":[1,2,3]}`, `{"a":[9,2]}`, "length $.a array of 3→array of 2"},
		{"odd names", `{"a b":1}`, `{"a b":2}`, "value $['a b'] 1→2"},
		{"several", `{"a":1,"c":[{"d":1},{"d":2}]}`, `{"a":2,"c":[{"d":1},{"d":3}]}`, "value $.a 1→2\nvalue $.c[1].d 2→3"},
		{"scalars", `1`, `2`, "value $ 1→2"},
		{"ignored", `{"id":1,"items":[{"at":1,"x":1}],"deep":{"trace":{"a":1}}}`, `{"id":2,"items":[{"at":2,"x":1}],"deep":{"trace":[]}}`, ""},
		{"ignored where it is missing", `{"id":1}`, `{}`, ""},
		{"ignored elsewhere", `{"items":{"at":1}}`, `{"items":{"at":2}}`, "value $.items.at 1→2"},
		{"secret", `{"access_token":"abc","x":{"password":{"old":1}}}`, `{"access_token":"abd","x":{"password":{"old":2}}}`,
			"value $.access_token string (hidden)→string (hidden)\nvalue $.x.password.old number (hidden)→number (hidden)"},
	}
	policy := &Policy{Ignore: []Path{mustPath(t, "$.id"), mustPath(t, "$.items[*].at"), mustPath(t, "$..trace")}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, a := range []Answer{jsonAnswer(tt.a), zipped(t, jsonAnswer(tt.a))} {
				if got := lines(Diff(a, jsonAnswer(tt.b), policy)); got != tt.want {
					t.Errorf("got\n%s\nwant\n%s", got, tt.want)
				}
			}
		})
	}
}

func TestDiffAnswers(t *testing.T) {
	long := strings.Repeat("x", 100)
	cut := func(body string, length int64) Answer {
		return Answer{Status: 200, Type: "text/plain", Body: []byte(body), Length: length, Truncated: true}
	}
	text := func(body string) Answer {
		return Answer{Status: 200, Type: "text/html", Body: []byte(body), Length: int64(len(body))}
	}
	with := func(h ...Header) Answer { return Answer{Status: 200, Headers: h} }
	tests := []struct {
		name string
		a, b Answer
		want string // of each difference kind and path; values apart
	}{
		{"nothing", Answer{}, Answer{}, ""},
		{"status alone", jsonAnswer(`{"a":1}`), Answer{Status: 500, Body: []byte("oops")}, "status status 200→500"},
		{"no answer", jsonAnswer(`{}`), Answer{Failure: "timeout"}, "status status 200→none (timeout)"},
		{"neither answered", Answer{Failure: "timeout"}, Answer{Failure: "no answer"}, ""},
		{"bytes", text("<a>"), text("<b>"), "body body"},
		{"not JSON on one side", jsonAnswer(`{"a":1}`), jsonAnswer(`{"a":`), "body body"},
		{"not JSON on either, equal", jsonAnswer(`{"a":`), jsonAnswer(`{"a":`), ""},
		{"a name twice", jsonAnswer(`{"a":1,"a":2}`), jsonAnswer(`{"a":2}`), "body body"},
		{"JSON without a type", Answer{Status: 200, Body: []byte(` [1]`)}, Answer{Status: 200, Body: []byte(`[2]`)}, "value $[0] 1→2"},
		{"+json", Answer{Status: 200, Type: "application/problem+json; x=1", Body: []byte(`"a"`)}, Answer{Status: 200, Type: "application/problem+json", Body: []byte(`"b"`)}, `value $ "a"→"b"`},
		{"too deep", jsonAnswer(strings.Repeat("[", 300) + strings.Repeat("]", 300)), jsonAnswer(strings.Repeat("[", 301) + strings.Repeat("]", 301)), "body body"},
		{"cut and equal so far", cut(long, 1000), cut(long, 1000), ""},
		{"cut and of other lengths", cut(long, 1000), cut(long, 2000), "length body 1000 bytes→2000 bytes"},
		{"cut, of lengths unknown", cut(long, -1), cut(long, -1), ""},
		{"cut and different", cut(long, 1000), cut("y"+long[1:], 1000), "body body"},
		{"cut on one side", cut(long, -1), text(long[:50]), "length body more than 100 bytes→50 bytes"},
		{"cut at the other's end", cut(long, -1), text(long), "length body more than 100 bytes→100 bytes"},
		{"encodings unread", Answer{Status: 200, Encoding: "br", Body: []byte("x")}, Answer{Status: 200, Encoding: "br", Body: []byte("x")}, ""},
		{"encodings unread, different", Answer{Status: 200, Encoding: "br", Body: []byte("x")}, Answer{Status: 200, Encoding: "br", Body: []byte("y")}, "body body"},
		{"encodings differ", Answer{Status: 200, Encoding: "br", Body: []byte("x")}, zipped(t, text("x")), "header header Content-Encoding br→identity"},
		{"encodings of nothing", Answer{Status: 304, Encoding: "br"}, Answer{Status: 304}, ""},
		{"both zipped", zipped(t, text("same")), zipped(t, text("same")), ""},
		{"header", with(NewHeader("Cache-Control", "no-store")), with(NewHeader("cache-control", "max-age=1")), "header header Cache-Control no-store→max-age=1"},
		{"header missing", with(NewHeader("Cache-Control", "no-store")), with(), "header header Cache-Control no-store→"},
		{"header empty is not missing", with(NewHeader("Cache-Control", "")), with(), "header header Cache-Control →"},
		{"lines of a header", with(NewHeader("Cache-Control", "a", "b")), with(NewHeader("Cache-Control", "a", "b")), ""},
		{"media types", with(NewHeader("Content-Type", "text/html; charset=UTF-8")), with(NewHeader("Content-Type", "Text/HTML;charset=utf-8")), ""},
		{"media types differ", with(NewHeader("Content-Type", "text/html")), with(NewHeader("Content-Type", "text/plain")), "header header Content-Type text/html→text/plain"},
		{"secret header", with(NewHeader("Set-Cookie", "sid=1")), with(NewHeader("Set-Cookie", "sid=2")), "header header Set-Cookie (hidden)→(hidden)"},
		{"secret header, equal", with(NewHeader("Set-Cookie", "sid=1")), with(NewHeader("Set-Cookie", "sid=1")), ""},
		{"header that is not chosen", with(NewHeader("Date", "1")), with(NewHeader("Date", "2")), ""},
	}
	policy := &Policy{Headers: []string{"Cache-Control", "Content-Type", "Set-Cookie"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := lines(Diff(tt.a, tt.b, policy))
			if tt.want == "body body" { // the digests are of this process
				if !strings.HasPrefix(got, "body body ") || strings.Contains(got, "\n") {
					t.Errorf("got %s, want one difference of the body", got)
				}
				return
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// A secret must not be found in what is kept, however it is printed.
func TestSecretsAreNotKept(t *testing.T) {
	h := NewHeader("X-Auth-Token", "hunter2hunter2")
	if s := fmt.Sprintf("%#v", h); strings.Contains(s, "hunter2") {
		t.Errorf("kept: %s", s)
	}
	for _, name := range []string{"Set-Cookie", "Authorization", "X-API-Key", "WWW-Authenticate", "client_secret", "PrivateKey", "SessionID"} {
		if !secret(name) {
			t.Errorf("%s counts as no secret", name)
		}
	}
	for _, name := range []string{"Content-Type", "price", "author", "key", "ETag"} {
		if secret(name) {
			t.Errorf("%s counts as a secret", name)
		}
	}
}

func TestDiffIsBounded(t *testing.T) {
	a, b := make([]int, 5000), make([]int, 5000)
	for i := range b {
		b[i] = i + 1
	}
	x, _ := json.Marshal(a) // slices of int
	y, _ := json.Marshal(b)
	if n := len(Diff(jsonAnswer(string(x)), jsonAnswer(string(y)), &Policy{})); n != maxDifferences {
		t.Errorf("%d differences, want %d", n, maxDifferences)
	}
	name := strings.Repeat("n", 5000)
	deep := strings.Repeat(`{"`+name+`":`, 100)
	found := Diff(jsonAnswer(deep+"1"+strings.Repeat("}", 100)), jsonAnswer(deep+`"`+name+`"`+strings.Repeat("}", 100)), &Policy{})
	if len(found) != 1 || len(found[0].Path) > maxPlace+4 || len(found[0].Shadow) > shownBytes+8 {
		t.Errorf("got %v", found)
	}
}

// A gzip bomb costs what its cap says.
func TestDecodedIsBounded(t *testing.T) {
	bomb := zipped(t, Answer{Status: 200, Body: make([]byte, 50<<20)})
	d := bomb.Decoded()
	if len(d.Body) != maxDecoded || !d.Truncated || d.Encoding != "" {
		t.Errorf("%d bytes, truncated %v, %q", len(d.Body), d.Truncated, d.Encoding)
	}
	half := zipped(t, jsonAnswer(strings.Repeat("x", 10000)))
	half.Body, half.Truncated = half.Body[:len(half.Body)/2], true
	if d := half.Decoded(); d.Encoding != "" || !d.Truncated {
		t.Errorf("a cut body was not read as far as it goes: %d bytes, %q", len(d.Body), d.Encoding)
	}
	half.Truncated = false
	if d := half.Decoded(); d.Encoding != "gzip" {
		t.Errorf("a broken body was taken for a whole one: %d bytes", len(d.Body))
	}
	none := Answer{Status: 304, Encoding: "gzip"}
	if d := none.Decoded(); d.Encoding != "" || len(d.Body) > 0 {
		t.Errorf("got %+v", d)
	}
}

// What this parser takes for JSON is what encoding/json does, and two documents
// are equal exactly if encoding/json reads the same from them, but for numbers,
// which are compared by value here.
func FuzzDiff(f *testing.F) {
	f.Add(`{"a":1,"b":[1.0,"x\u00e9",null]}`, `{"b":[1,"xé",null],"a":1e0}`)
	f.Add(`{"a":1,"a":2}`, `{"a":2}`)
	f.Add(`"\ud83d\ude00"`, `"😀"`)
	f.Add(`[1,2`, `-0`)
	f.Fuzz(func(t *testing.T, a, b string) {
		check(t, a)
		check(t, b)
		same := Diff(jsonAnswer(a), jsonAnswer(a), &Policy{})
		if len(same) > 0 {
			t.Fatalf("%q differs from itself: %v", a, same)
		}
		there, back := Diff(jsonAnswer(a), jsonAnswer(b), &Policy{}), Diff(jsonAnswer(b), jsonAnswer(a), &Policy{})
		if len(there) != len(back) {
			t.Fatalf("%q and %q: %d differences one way, %d the other", a, b, len(there), len(back))
		}
		if len(there) == 0 && !reflect.DeepEqual(loose(a), loose(b)) {
			t.Fatalf("%q and %q were found equal", a, b)
		}
		var tally Tally
		tally.Shadow(Request{}, false, there)
		if r := tally.Report(); r.Compared != 1 || r.Differing > 1 {
			t.Fatalf("counted %+v", r)
		}
	})
}

func check(t *testing.T, text string) {
	_, err := parseJSON(text)
	if valid := json.Valid([]byte(text)); valid != (err == nil) && err != errDuplicate && err != errDepth {
		t.Fatalf("%q: valid %v, and %v", text, valid, err)
	}
}

// loose is the document with numbers rounded: equal documents are loosely equal.
func loose(text string) any {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return nil
	}
	return v
}

// tenKiB is a document like those of shops.
func tenKiB() []byte {
	type item struct {
		ID    int     `json:"id"`
		Name  string  `json:"name"`
		Price float64 `json:"price"`
		Tags  []string
		At    string `json:"at"`
	}
	items := make([]item, 90)
	for i := range items {
		items[i] = item{i, fmt.Sprintf("item no %d, quite ordinary", i), float64(i) * 1.25, []string{"new", "sale"}, "2026-11-20T10:00:00Z"}
	}
	b, _ := json.MarshalIndent(items, "", "") // plain structs
	return b
}

func BenchmarkDiff10KiB(b *testing.B) {
	body := tenKiB()
	other := bytes.Replace(body, []byte("2026-11-20T10:00:00Z"), []byte("2026-11-20T10:00:01Z"), 40)
	x, y := jsonAnswer(string(body)), jsonAnswer(string(other))
	policy := &Policy{Ignore: []Path{mustPath(b, "$[*].id")}, Headers: []string{"Content-Type"}}
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if len(Diff(x, y, policy)) != 40 {
			b.Fatal("differences are missing")
		}
	}
}

package recording

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/analysis"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func shop() Header { return Header{Service: "shop", Versions: []string{"v1", "v2"}, Stable: "v1"} }

func at(n int, versions ...Counts) Second {
	return Second{At: noon.Add(time.Duration(n) * time.Second), Versions: versions}
}

func plain(n, failed uint64) Counts {
	c := analysis.Counts{Requests: n, Failed: failed}
	return Counts{Split: c, All: c}
}

// seconds that use every field.
func seconds() []Second {
	full := Counts{
		WeightBP: 500, Split: analysis.Counts{Requests: 5, Failed: 1}, All: analysis.Counts{Requests: 7, Failed: 2},
		Latency: new(analysis.Latency), Overdue: analysis.Overdue{3, 2, 1},
	}
	full.Latency.Observe(50*time.Millisecond, false)
	full.Latency.Observe(100*time.Second, true)
	empty := plain(1, 1)
	empty.Latency = new(analysis.Latency)
	return []Second{at(0, plain(100, 0), full), at(1, plain(90, 1), empty), at(5, plain(0, 0), plain(1, 0))}
}

func written(t *testing.T, all []Second) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, shop())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if err := w.Write(s); err != nil {
			t.Fatal(err)
		}
	}
	return &b
}

func readAll(r io.Reader) (all []Second, reader *Reader, err error) {
	if reader, err = NewReader(r); err != nil {
		return nil, nil, err
	}
	for {
		s, err := reader.Read()
		if err == io.EOF {
			return all, reader, nil
		} else if err != nil {
			return all, reader, err
		}
		all = append(all, s)
	}
}

func TestReadsWhatWasWritten(t *testing.T) {
	got, r, err := readAll(written(t, seconds()))
	if err != nil || r.Torn() || !reflect.DeepEqual(got, seconds()) {
		t.Errorf("%+v, torn %v, error %v", got, r.Torn(), err)
	}
	if h := r.Header(); h.Service != "shop" || h.Stable != "v1" || r.Part() != 1 {
		t.Errorf("header %+v, part %d", h, r.Part())
	}
}

func TestIdleSecondsTakeNoLine(t *testing.T) {
	b := written(t, []Second{at(0, plain(1, 0), plain(0, 0)), at(1, plain(0, 0), plain(0, 0)), at(2, plain(1, 0), plain(0, 0))})
	if n := strings.Count(b.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, b.String())
	}
}

// Cut anywhere, a recording gives what was whole, and says so.
func TestTornAnywhere(t *testing.T) {
	whole := written(t, seconds()).Bytes()
	header := bytes.IndexByte(whole, '\n') + 1
	for n := range len(whole) {
		got, r, err := readAll(bytes.NewReader(whole[:n]))
		if n < header {
			if err == nil {
				t.Fatalf("cut at %d: no header, no error", n)
			}
			continue
		}
		want := bytes.Count(whole[header:n], []byte("\n"))
		if err != nil || len(got) != want || r.Torn() != (whole[n-1] != '\n') {
			t.Fatalf("cut at %d: %d seconds, want %d, torn %v, error %v", n, len(got), want, r.Torn(), err)
		}
	}
}

func TestFaultsNameTheirLine(t *testing.T) {
	head := `{"schema":"sluice.recording/1","service":"shop","versions":["v1","v2"],"stable":"v1"}` + "\n"
	good := `{"t":10,"v":[{"c":[1,0]},{"c":[1,0]}]}` + "\n"
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "empty"},
		{"other schema", `{"schema":"sluice.recording/9","service":"shop","versions":["v1"],"stable":"v1"}` + "\n", `line 1: schema is "sluice.recording/9"`},
		{"not json", "hello\n", "line 1: not a header"},
		{"stable unknown", `{"schema":"sluice.recording/1","service":"s","versions":["v1"],"stable":"v3"}` + "\n", `stable is "v3"`},
		{"twice the same", `{"schema":"sluice.recording/1","service":"s","versions":["v1","v1"],"stable":"v1"}` + "\n", "must be given and differ"},
		{"no service", `{"schema":"sluice.recording/1","versions":["v1"],"stable":"v1"}` + "\n", "no service"},
		{"unknown field", head + `{"t":10,"v":[{"c":[1,0]},{"c":[1,0]}],"x":1}` + "\n", `line 2: json: unknown field "x"`},
		{"back in time", head + good + good, "line 3: second 10 after second 10"},
		{"a version less", head + `{"t":10,"v":[{"c":[1,0]}]}` + "\n", "line 2: 1 versions, the header has 2"},
		{"more failures", head + `{"t":10,"v":[{"c":[1,0]},{"c":[1,2]}]}` + "\n", "line 2: version v2: more failures than requests"},
		{"all less than part", head + `{"t":10,"v":[{"c":[2,0],"all":[1,0]},{"c":[1,0]}]}` + "\n", "version v1: all is less"},
		{"negative", head + `{"t":10,"v":[{"c":[-1,0]},{"c":[1,0]}]}` + "\n", "line 2"},
		{"weight", head + `{"t":10,"v":[{"w":10001,"c":[1,0]},{"c":[1,0]}]}` + "\n", "weight is 10001"},
		{"half a cell", head + `{"t":10,"v":[{"c":[1,0],"ok":[1]},{"c":[1,0]}]}` + "\n", "a cell without its count"},
		{"a cell too far", head + `{"t":10,"v":[{"c":[1,0],"ok":[418,1]},{"c":[1,0]}]}` + "\n", "cell 418 of 418"},
		{"too many ages", head + `{"t":10,"v":[{"c":[1,0],"old":[1,1,1,1,1,1,1]},{"c":[1,0]}]}` + "\n", "7 ages"},
		{"two objects", head + `{"t":10,"v":[{"c":[1,0]},{"c":[1,0]}]} {}` + "\n", "something follows"},
		{"torn in the middle", head + `{"t":10,"v":[{"c":` + "\n" + good, "line 2"},
	} {
		_, _, err := readAll(strings.NewReader(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	var b bytes.Buffer
	if _, err := NewWriter(&b, Header{Service: "shop", Versions: []string{"v1"}, Stable: "v2"}); err == nil {
		t.Error("a header without its stable")
	}
	w, err := NewWriter(&b, shop())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(at(0, plain(1, 0))); err == nil {
		t.Error("a version is missing")
	}
	if err := errors.Join(w.Write(at(1, plain(1, 0), plain(1, 0))), w.Write(at(2, plain(1, 0), plain(1, 0)))); err != nil {
		t.Error(err)
	}
	if err := w.Write(at(2, plain(1, 0), plain(1, 0))); err == nil {
		t.Error("the same second twice")
	}
	if all, _, err := readAll(&b); err != nil || len(all) != 2 {
		t.Errorf("%d seconds, error %v", len(all), err)
	}
}

// A process that crashed in the middle of a line goes on in the same file, with another version.
func TestGoesOnAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.jsonl")
	whole := written(t, seconds()[:2]).String()
	if err := os.WriteFile(path, []byte(whole+`{"t":99,"v":[{"c":`), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewWriter(f, Header{Service: "shop", Versions: []string{"v1", "v2", "v3"}, Stable: "v2"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(at(10, plain(1, 0), plain(1, 0), plain(2, 1))); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, r, err := readAll(bytes.NewReader(text))
	if err != nil || len(all) != 3 || len(all[2].Versions) != 3 || r.Part() != 2 || r.Header().Stable != "v2" {
		t.Errorf("%d seconds, part %d, %+v, error %v", len(all), r.Part(), r.Header(), err)
	}
}

func TestOpenMakesAndEmpties(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new.jsonl")
	for _, before := range []string{"", "no line end at all"} {
		if before != "" {
			if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if end, err := f.Seek(0, io.SeekEnd); err != nil || end != 0 {
			t.Errorf("%q: %d bytes, error %v", before, end, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Open(filepath.Join(path, "below-a-file")); err == nil {
		t.Error("a path that can't be is an error")
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"schema":"sluice.recording/1","service":"s","versions":["v1"],"stable":"v1"}` + "\n" + `{"t":10,"v":[{"c":[1,0],"ok":[1,2]}]}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, r, err := readAll(bytes.NewReader(text))
		if err != nil {
			return
		}
		// What can be read can be written and read again.
		if r.Part() != 1 {
			return
		}
		var b bytes.Buffer
		w, err := NewWriter(&b, r.Header())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if err := w.Write(s); err != nil && s.At.Unix() > 0 {
				t.Fatal(err)
			}
		}
	})
}

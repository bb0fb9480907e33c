package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// expanding parses with an environment and files of its own.
func expanding(text string) (*Config, error) {
	env := map[string]string{"PORT": "9001", "EMPTY": "", "TRICKY": "${PORT} $$ #{}: [", "API_TOKEN": "deadbeefdeadbeef"}
	files := map[string]string{"/run/secret": "q8w7e6r5t4y3u2i1\n", "/run/crlf": "abc\r\n", "/run/big": strings.Repeat("x", maxIncluded+1), "/run/nul": "a\x00b"}
	return Parse("f", []byte(text), ParseOptions{
		Expand: true,
		Lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		ReadFile: func(path string) ([]byte, error) {
			if text, ok := files[path]; ok {
				return []byte(text), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
	})
}

func TestExpand(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"variable", "a${PORT}b", "a9001b"},
		{"default unused", "${PORT:-1}", "9001"},
		{"default", "${NONE:-x:-y}", "x:-y"},
		{"default of an empty one", "${EMPTY:-x}", "x"},
		{"empty default", "a${NONE:-}", "a"},
		{"empty", "a${EMPTY}", "a"},
		{"not expanded twice, not parsed again", "${TRICKY}", "${PORT} $$ #{}: ["},
		{"file without its newline", "${file:/run/secret}", "q8w7e6r5t4y3u2i1"},
		{"file with a carriage return", "${file:/run/crlf}", "abc"},
		{"dollars", "$$ $${PORT} $x $", "$ ${PORT} $x $"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := expanding(strings.Replace(one, "stable: v1", `stable: v1
    headers: {request: {set: {X-A: '`+test.in+`'}}}`, 1))
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Services[0].Headers.Request.Set["X-A"]; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestExpandFaults(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"unset", "${NONE}", "environment variable NONE is not set"},
		{"no name", "${}", "got ${}, want ${NAME}"},
		{"a digit first", "${1A}", "got ${1A}, want ${NAME}"},
		{"missing file", "${file:/none}", "${file:/none}: file does not exist"},
		{"big file", "${file:/run/big}", "more than 65536 bytes"},
		{"binary file", "${file:/run/nul}", "does not hold text"},
		{"env prefix where there is no run time", "${env:PORT}", "want ${NAME}"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := expanding("access_log: {path: '" + test.in + "'}\n" + one)
			var faults Faults
			if !errors.As(err, &faults) || len(faults) != 1 {
				t.Fatalf("got %v, want one fault", err)
			}
			f := faults[0]
			if f.Line != 1 || f.Col != 20 || f.Path != "access_log.path" || !strings.Contains(f.Message, test.want) {
				t.Errorf("got %v, want %s at 1:20", f, test.want)
			}
		})
	}
}

// In smoke tests and hook bodies ${name} waits for the run, and what is brought
// in cannot pose as a variable.
func TestExpandAtRun(t *testing.T) {
	c, err := expanding(one + `    rollout:
      strategy: canary
      canary: v2
      smoke_tests:
        - {name: a, endpoint: /login, capture: {token: $.token}}
        - {name: b, endpoint: "/x/${token}", headers: {X-A: "${token} ${env:PORT} $$ ${env:TRICKY}"}, payload: {a: ["${token}", "${env:PORT}"]}}
      hooks:
        - {name: h, on: event, url: "http://127.0.0.1:${PORT}/x", body: {text: "${service} ${env:PORT}"}}
`)
	if err != nil {
		t.Fatal(err)
	}
	r := c.Services[0].Rollout
	got := fmt.Sprint(r.SmokeTests[1].Endpoint, "|", r.SmokeTests[1].Headers["X-A"], "|", r.SmokeTests[1].Payload, "|", r.Hooks[0].URL, "|", r.Hooks[0].Body)
	want := "/x/${token}|${token} 9001 $$ $${PORT} $$$$ #{}: [|map[a:[${token} 9001]]|http://127.0.0.1:9001/x|map[text:${service} 9001]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Check must never look at the environment or at files, whatever it is sent.
func TestCheckReadsNothing(t *testing.T) {
	t.Setenv("SLUICE_TEST_LEAK", "leaked")
	file := filepath.Join(t.TempDir(), "leak")
	if err := os.WriteFile(file, []byte("leaked"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("weight: 100", "weight: '${W}'", "v2, weight", "v2, shield: '${S}', weight").Replace(one) + `    health: {interval: "${I}", checks: [{path: "${P}", expect: {status: "${S}"}}]}
    rollout: {strategy: "${X}", canary: "${Y}", stages: "${Z}"}
    mirror: {to: "${V}", percent: "${P}"}
    routes: [{hosts: ["${H}"], path: "${file:` + file + `}", methods: ["${M}"]}]
listeners: [{address: "${SLUICE_TEST_LEAK}"}]
admin: {address: "${file:` + file + `}", tokens: [{name: a, role: "${R}", secret: "${file:` + file + `}"}]}
log: {level: "${SLUICE_TEST_LEAK}"}
state: {dir: "${unset}"}
`
	if faults := Check("f", []byte(text)); faults != nil {
		t.Fatalf("opaque values are refused:\n%v", faults)
	}
	wrong := Check("f", []byte(text+"zzz: ${SLUICE_TEST_LEAK}\ndrain: {delay: x}\n"))
	if len(wrong) != 2 || strings.Contains(wrong.Error(), "leaked") {
		t.Fatalf("got\n%v", wrong)
	}
}

func TestSecretMasksItself(t *testing.T) {
	type holder struct {
		S Secret
		M map[string]Secret
		P *Secret
	}
	s := Secret("geheim")
	h := holder{S: s, M: map[string]Secret{"k": s}, P: &s}
	encoded, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "group", slog.GroupValue(slog.Any("s", s)))
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s)
	shown := []string{string(encoded), log.String(), s.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, s), fmt.Sprintf(verb, h), fmt.Sprintf(verb, []Secret{s}))
	}
	for _, text := range shown {
		if strings.Contains(text, "geheim") || strings.Contains(strings.ToLower(text), "67656865696d") {
			t.Errorf("%s shows the secret", text)
		}
		if !strings.Contains(text, mask) && strings.Contains(text, "S") {
			t.Errorf("%s does not show the mask", text)
		}
	}
	if s.Reveal() != "geheim" {
		t.Errorf("Reveal: got %q", s.Reveal())
	}
}

// Whatever the effective configuration shows, no secret is in it, by whatever way it came.
func TestEffectiveMasks(t *testing.T) {
	c, err := expanding(`admin: {tokens: [{name: ci, role: viewer, secret: "${file:/run/secret}"}]}
` + one + `    headers: {request: {set: {Authorization: "Bearer in-the-file", X-Other: "k-${API_TOKEN}", X-File: "${file:/run/secret}", X-Port: "${PORT}"}}}
    rollout:
      strategy: canary
      canary: v2
      hooks: [{name: h, on: event, url: "http://user:geheim@h/", secret: hook-geheim}]
      notify: [{type: slack, url: "http://h/geheim"}]
`)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(c.Effective())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"q8w7e6r5t4y3u2i1", "in-the-file", "deadbeef", "geheim"} {
		if strings.Contains(string(encoded), secret) {
			t.Errorf("%s is shown in %s", secret, encoded)
		}
	}
	if !strings.Contains(string(encoded), `"X-Port":"9001"`) {
		t.Errorf("9001 is no secret, and not shown in %s", encoded)
	}
}

package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func parsed(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("f", []byte(text), ParseOptions{Expand: true, Lookup: noVariables})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The least file there is gets every default that the types promise.
func TestDefaults(t *testing.T) {
	c := parsed(t, `services: [{name: shop, versions: [{name: v1, endpoints: ["https://[::1]"]}]}]`)
	s := c.Services[0]
	checks := []struct {
		name      string
		got, want any
	}{
		{"listener", c.Listeners, []Listener{{Address: "127.0.0.1:8080"}}},
		{"admin", c.Admin, Admin{Address: "127.0.0.1:9900", PublicMetrics: true}},
		{"state", c.State.Dir, "./sluice-state"},
		{"drain", c.Drain, Drain{5 * time.Second, 25 * time.Second}},
		{"access log", c.AccessLog, AccessLog{"stdout", "json", 1}},
		{"proxy", c.Proxy, Proxy{10 * time.Second, 60 * time.Second, 30 * time.Second, 30 * time.Second, 64, 32768, 100, 100000, "sluice", false}},
		{"routes", s.Routes, []Route{{Path: Path{Prefix: "/"}}}},
		{"stable", s.Stable, "v1"},
		{"weight", s.Versions[0].WeightBP, 10000},
		{"endpoint", s.Versions[0].Endpoints, []Endpoint{{"https://[::1]", "https", "::1", 443}}},
		{"timeouts", s.Timeouts, Timeouts{time.Second, 30 * time.Second, time.Minute, 0, time.Hour}},
		{"retries", s.Retries, Retries{1, []string{"connect_error", "reset"}, 0.2}},
		{"limits", s.Limits, Limits{4096, 1024, 0}},
		{"health", s.Health, (*Health)(nil)},
		{"guard", s.Guard, Guard{Trip: Trip{Cooldown: 5 * time.Second}, Breach: Criteria{"error_rate": {{Text: "> 1.5x stable", Op: ">", Ratio: 1.5}}},
			Action: "quarantine", Mode: "evidence", Effect: 0.001, WarmUp: 30 * time.Second, MinDelay: 5 * time.Millisecond}},
	}
	for _, check := range checks {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %+v, want %+v", check.name, check.got, check.want)
		}
	}
}

func TestReferenceValues(t *testing.T) {
	c, err := Load("testdata/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := c.Services[0]
	checks := []struct {
		name      string
		got, want any
	}{
		{"path", c.Path, "testdata/reference.yaml"},
		{"header name", *s.Routes[1].Headers["X-Tenant"].Exact, "acme"},
		{"label", s.Versions[1].Labels["release"], "2.0.0"},
		{"rule percent", s.Rules[2].Percent, 50.0},
		{"present", *s.Rules[1].When.Query["preview"].Present, true},
		{"cookie", *s.Rules[1].When.Cookies["qa"].Exact, "1"},
		{"mirror", *s.Mirror, Mirror{"v2", 10, []string{"GET", "HEAD"}, 65536, 5 * time.Second, true, nil, []string{"Content-Type"}}},
		{"max body", s.Limits.MaxBody, int64(10 << 20)},
		{"check", s.Health.Checks[1].JSON, map[string]any{"connected": true}},
		{"breach", s.Guard.Breach["p99_latency"], []Threshold{{Text: "> 1000ms", Op: ">", Duration: time.Second}, {Text: "> 2x stable", Op: ">", Ratio: 2}}},
		{"absolute", s.Guard.Breach["error_rate"][0].Value, 0.05},
		{"approval", *s.Rollout.Stages[1].Approval, Approval{}},
		{"payload", s.Rollout.SmokeTests[0].Payload, map[string]any{"username": "test_user"}},
		{"notify", s.Rollout.Notify[0].URL.Reveal(), "http://127.0.0.1:9801/"},
		{"inactive", len(c.Inactive()), 0},
	}
	for _, check := range checks {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %+v, want %+v", check.name, check.got, check.want)
		}
	}
}

func TestStages(t *testing.T) {
	tests := []struct {
		name, in string
		weights  []int
		first    time.Duration
	}{
		{"default", "", []int{500, 2500, 5000, 7500, 10000}, 10 * time.Minute},
		{"progressive", "stages: progressive", []int{500, 2500, 5000, 7500, 10000}, 10 * time.Minute},
		{"linear", "stages: {linear: 33.34, every: 1m}", []int{3334, 6668, 10000}, time.Minute},
		{"canary preset", "stages: Canary10Percent5Minutes", []int{1000, 10000}, 5 * time.Minute},
		{"long canary preset", "stages: CodeDeployDefault.LambdaCanary10Percent30Minutes", []int{1000, 10000}, 30 * time.Minute},
		{"linear preset", "stages: Linear25PercentEvery1Minute", []int{2500, 5000, 7500, 10000}, time.Minute},
		{"plural linear preset", "stages: ECSLinear50PercentEvery3Minutes", []int{5000, 10000}, 3 * time.Minute},
		{"all at once", "stages: AllAtOnce", []int{10000}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := parsed(t, one+"    rollout: {strategy: canary, canary: v2, "+test.in+"}\n").Services[0].Rollout
			var got []int
			for _, s := range r.Stages {
				got = append(got, s.WeightBP)
			}
			if !reflect.DeepEqual(got, test.weights) || r.Stages[0].Duration != test.first || r.Stages[0].Name != "stage-1" {
				t.Errorf("got %+v, want weights %v and %v", r.Stages, test.weights, test.first)
			}
		})
	}
}

// Every weight of two decimals is exact, with and without a percent sign.
func TestWeightsAreExact(t *testing.T) {
	for bp := 0; bp <= 10_000; bp++ {
		text := string(showPercent(int64(bp) * 10_000))
		for _, in := range []string{text, text + "%"} {
			micro, err := percentOf(in)
			if err != nil || micro != int64(bp)*10_000 {
				t.Fatalf("%s: got %d, %v", in, micro, err)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	tests := []struct {
		in   string
		want int64 // -1: refused
	}{
		{"0", 0}, {"64KiB", 65536}, {"10MiB", 10 << 20}, {"1MB", 1_000_000}, {"1 GiB", 1 << 30}, {"5B", 5}, {"7kB", 7000}, {"12", 12},
		{"", -1}, {"KiB", -1}, {"-1", -1}, {"+1", -1}, {"1.5MiB", -1}, {"9223372036854775807GiB", -1}, {"1TB", -1},
	}
	for _, test := range tests {
		got, err := parseSize(test.in)
		if err != nil {
			got = -1
		}
		if got != test.want {
			t.Errorf("%q: got %d, want %d", test.in, got, test.want)
		}
		if err == nil {
			if again, err := parseSize(formatSize(got)); err != nil || again != got {
				t.Errorf("%q: printed as %q", test.in, formatSize(got))
			}
		}
	}
}

func TestLoopback(t *testing.T) {
	tests := map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true, "unix:/x": true, "[::ffff:127.0.0.1]:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "example.com:1": false, "": false, "localhost": false,
	}
	for address, want := range tests {
		if got := Loopback(address); got != want {
			t.Errorf("%q: got %t", address, got)
		}
	}
}

func TestStateText(t *testing.T) {
	for s := Active; s <= Quarantined; s++ {
		encoded, err := json.Marshal(map[string]State{"s": s})
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]State
		if err := json.Unmarshal(encoded, &back); err != nil || back["s"] != s {
			t.Errorf("%s came back as %v, %v", encoded, back, err)
		}
	}
	if got := Draining.String(); got != "drain" {
		t.Errorf("got %q, want drain", got)
	}
	if _, err := ParseState("draining"); err == nil {
		t.Error("draining was read as a state")
	}
	if _, err := json.Marshal(State(99)); err == nil {
		t.Error("a state that is none was written")
	}
}

// The hash stands in state files: it must not depend on the order of versions, and not change.
func TestWeightsHash(t *testing.T) {
	s := Service{Stable: "v1", Versions: []Version{{Name: "v1", WeightBP: 9000}, {Name: "v2", WeightBP: 1000}}}
	first := s.WeightsHash()
	if want := "008b102f30d4066a"; first != want {
		t.Errorf("got %s, want %s, which state files hold", first, want)
	}
	same := Service{Name: "other", Stable: "v1", Versions: []Version{{Name: "v2", WeightBP: 1000, Shield: true}, {Name: "v1", WeightBP: 9000}}}
	if same.WeightsHash() != first {
		t.Error("order, name or shield count")
	}
	for name, other := range map[string]Service{
		"weights": {Stable: "v1", Versions: []Version{{Name: "v1", WeightBP: 8000}, {Name: "v2", WeightBP: 2000}}},
		"stable":  {Stable: "v2", Versions: s.Versions},
		"version": {Stable: "v1", Versions: []Version{{Name: "v1", WeightBP: 9000}, {Name: "v3", WeightBP: 1000}}},
	} {
		if other.WeightsHash() == first {
			t.Errorf("%s do not count", name)
		}
	}
}

func TestVersionFollowsValues(t *testing.T) {
	version := func(text, level string) string {
		c, err := Parse("f", []byte(text), ParseOptions{Expand: true, Lookup: func(string) (string, bool) { return level, true }})
		if err != nil {
			t.Fatal(err)
		}
		return c.Version
	}
	text := "log: {level: '${LEVEL}'}\n" + one
	first, again := version(text, "info"), version(text, "info")
	if first != again {
		t.Error("the same configuration has two versions")
	}
	if version(text, "info") == version(text, "warn") || version(text, "info") == version(text+"\n", "info") {
		t.Error("a change does not show")
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("SLUICE_CONFIG", "")
	write(t, "a.yaml", "a")
	if got, err := Find("a.yaml"); got != "a.yaml" || err != nil {
		t.Errorf("flag: got %q, %v", got, err)
	}
	if _, err := Find("b.yaml"); err == nil || !strings.Contains(err.Error(), "b.yaml") {
		t.Errorf("missing flag: got %v", err)
	}
	if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("directory: got %v", err)
	}
	t.Setenv("SLUICE_CONFIG", filepath.Join(dir, "a.yaml"))
	if got, err := Find(""); got != filepath.Join(dir, "a.yaml") || err != nil {
		t.Errorf("environment: got %q, %v", got, err)
	}
	t.Setenv("SLUICE_CONFIG", "")
	write(t, "sluice.yaml", "a")
	if got, err := Find(""); got != "./sluice.yaml" || err != nil {
		t.Errorf("here: got %q, %v", got, err)
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, make([]byte, maxFileBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, in, want string }{
		{"missing", filepath.Join(dir, "none.yaml"), "no such file"},
		{"directory", dir, "not a regular file"},
		{"too big", big, "the limit is 16777216"},
	}
	for _, test := range tests {
		if _, err := Load(test.in); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

func TestFiles(t *testing.T) {
	c, err := expanding(`admin: {tokens: [{name: ci, role: viewer, secret: "${file:/run/secret}"}], tls: {cert: /b, key: /a}}
listeners: [{address: ":1", tls: {certificates: [{cert: /b, key: /c}], client_ca: /d}}]
services: [{name: s, versions: [{name: v1, endpoints: ["https://a"], tls: {ca: /e}}]}]
`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Files(), []string{"/a", "/b", "/c", "/d", "/e", "/run/secret"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// systemd's directory is the default, and is not looked at when nothing may be.
func TestStateDirectory(t *testing.T) {
	lookup := func(string) (string, bool) { return "/var/lib/sluice:/other", true }
	for expand, want := range map[bool]string{true: "/var/lib/sluice", false: "./sluice-state"} {
		c, err := Parse("f", []byte(one), ParseOptions{Expand: expand, Lookup: lookup})
		if err != nil {
			t.Fatal(err)
		}
		if c.State.Dir != want {
			t.Errorf("expand %t: got %q, want %q", expand, c.State.Dir, want)
		}
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice/internal/backend"

	"github.com/goccy/go-yaml"
)

const monitoring = "../../deploy/"

// program is one that checks files of others' formats. CI has those that are required.
func program(t *testing.T, name string, required bool) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && required && os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing", name)
	}
	if err != nil {
		t.Skipf("%s is missing", name)
	}
	return path
}

func runs(t *testing.T, stdin string, argv ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	var told strings.Builder
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(argv, " "), err, out, told.String())
	}
	return string(out)
}

// scraped is /metrics of a sluice whose service was promoted, compared, and then cut.
func scraped(t *testing.T) string {
	t.Helper()
	v1 := named(t, "one")
	v2, err := backend.Start(backend.Options{Name: "two"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v2.Close)
	s := raise(t, func(s *stage) string {
		return strings.Replace(s.file("127.0.0.1:0", "127.0.0.1:0", fmt.Sprintf("%q", v1), "access_log: {path: off}"),
			"    versions: [{name: v1, weight: 100,", fmt.Sprintf(`    stable: v1
    mirror: {to: v2, percent: 100, compare: true}
    rollout: {strategy: canary, canary: v2, preflight: off, %s}
    versions: [{name: v2, weight: 0, endpoints: [%q]}, {name: v1, weight: 100,`, quick, v2.URL()), 1)
	})
	ln, _ := s.adminHost.current()
	admin := ln.Addr().String()
	until(t, "a difference", func() bool { s.answerer(t); return len(s.proxy.Stats().Differences) > 0 })
	if out, err := call(t, "rollout", "start", "shop", "--admin", admin); err != nil {
		t.Fatalf("start: %v, %q", err, out)
	}
	until(t, "promoted", func() bool { return s.controller.Rollout("shop").Phase == "promoted" })
	v2.Set(backend.Behaviour{FailShare: 1})
	until(t, "cut", func() bool { s.answerer(t); return len(s.controller.Rollbacks()) > 0 })
	resp, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The dashboard and the alerts ask for metrics, and for labels of them, that a real scrape has.
func TestMonitoringAsksForWhatExists(t *testing.T) {
	text := scraped(t)
	labels := map[string]string{} // all label names of a metric, each followed by =
	for line := range strings.Lines(text) {
		if name, rest, ok := strings.Cut(line, "{"); ok && line[0] != '#' {
			labels[name] += rest
		} else if name, _, ok := strings.Cut(line, " "); ok && line[0] != '#' {
			labels[name] += " "
		}
	}
	selector := regexp.MustCompile(`(:?)\b((?:sluice|process|go)_[a-z_]+)\b(:?)(?:\{([^}]*)\})?`)
	label := regexp.MustCompile(`([a-z_]+)(?:=|!=)~?"`)
	found := 0
	for _, expr := range append(expressionsOf(t, "grafana/sluice.json"), expressionsOf(t, "prometheus/rules.yaml")...) {
		for _, m := range selector.FindAllStringSubmatch(expr, -1) {
			if m[1] != "" || m[3] != "" {
				continue // recorded by a rule
			}
			found++
			if labels[m[2]] == "" {
				t.Errorf("%s is not in the scrape: %s", m[2], expr)
			}
			for _, l := range label.FindAllStringSubmatch(m[4], -1) {
				if !slices.Contains([]string{"instance", "job"}, l[1]) && !strings.Contains(labels[m[2]], l[1]+"=") {
					t.Errorf("%s has no label %s: %s", m[2], l[1], expr)
				}
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d metrics found in the files", found)
	}
	runs(t, text, program(t, "promtool", true), "check", "metrics")
}

// expressionsOf are all values under the key expr, wherever they stand, and the queries of variables.
func expressionsOf(t *testing.T, name string) (all []string) {
	t.Helper()
	data, err := os.ReadFile(monitoring + name)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := yaml.Unmarshal(data, &tree); err != nil { // JSON is YAML
		t.Fatalf("%s: %v", name, err)
	}
	var walk func(any)
	walk = func(node any) {
		switch n := node.(type) {
		case []any:
			for _, child := range n {
				walk(child)
			}
		case map[string]any:
			for key, child := range n {
				if s, ok := child.(string); ok && (key == "expr" || key == "definition") {
					all = append(all, s)
				}
				walk(child)
			}
		}
	}
	walk(tree)
	return all
}

func TestAlertRules(t *testing.T) {
	promtool := program(t, "promtool", true)
	runs(t, "", promtool, "check", "rules", monitoring+"prometheus/rules.yaml")
	runs(t, "", promtool, "check", "config", "--syntax-only", monitoring+"prometheus/prometheus.yml")
	runs(t, "", promtool, "test", "rules", monitoring+"prometheus/rules-test.yaml")
	tests, err := os.ReadFile(monitoring + "prometheus/rules-test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile(monitoring + "prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		raised := regexp.MustCompile(`alertname: ` + m[1] + `\s+exp_alerts: *(?:\[\{|\n)`)
		if !raised.Match(tests) || !strings.Contains(string(tests), "alertname: "+m[1]+"}") {
			t.Errorf("%s is not tested both raised and silent", m[1])
		}
	}
}

// Grafana's queries are right PromQL once its variables are filled in.
func TestDashboardQueries(t *testing.T) {
	promtool := program(t, "promtool", true)
	filled := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*", "$service", ".*", "$version", ".*")
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	for _, expr := range expressionsOf(t, "grafana/sluice.json") {
		if !strings.HasPrefix(expr, "label_values(") {
			rules = append(rules, rule{fmt.Sprintf("query:%d", len(rules)), filled.Replace(expr)})
		}
	}
	text, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := runs(t, "", promtool, "check", "rules", path); !strings.Contains(out, fmt.Sprintf("%d rules found", len(rules))) || len(rules) < 30 {
		t.Errorf("%d queries: %s", len(rules), out)
	}
}

// What compose-monitoring.yaml mounts and extends is there, and its networks and volumes are declared.
func TestMonitoringCompose(t *testing.T) {
	data, err := os.ReadFile(monitoring + "compose-monitoring.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc := yamlDocuments(t, "compose-monitoring.yaml", string(data))[0]
	networks, volumes, mounts := get[map[string]any](doc, "networks"), get[map[string]any](doc, "volumes"), 0
	for name, v := range get[map[string]any](doc, "services") {
		service := v.(map[string]any)
		if file := get[string](service, "extends", "file"); file != "" {
			data, err := os.ReadFile(monitoring + file)
			if err != nil {
				t.Fatal(err)
			}
			if base := yamlDocuments(t, file, string(data))[0]; get[map[string]any](base, "services", get[string](service, "extends", "service")) == nil {
				t.Errorf("%s extends %v, which %s has not", name, service["extends"], file)
			}
		}
		for _, n := range get[[]any](service, "networks") {
			if _, ok := networks[n.(string)]; !ok {
				t.Errorf("%s is in network %s, which is not declared", name, n)
			}
		}
		for _, m := range get[[]any](service, "volumes") {
			mounts++
			source, _, _ := strings.Cut(m.(string), ":")
			_, declared := volumes[source]
			if _, err := os.Stat(monitoring + source); err != nil && !declared {
				t.Errorf("%s mounts %s, which is neither a volume nor a file: %v", name, source, err)
			}
		}
	}
	if mounts < 6 {
		t.Errorf("only %d mounts found", mounts)
	}
}

// The chart, by helm where there is one: it passes lint, what it renders is whole, and its configuration is valid.
func TestChart(t *testing.T) {
	helm, chart := program(t, "helm", false), monitoring+"helm/sluice"
	runs(t, "", helm, "lint", "--strict", chart)
	exposed := []string{"--set", "admin.tlsSecret=tls,admin.tokensSecret=tokens,listener.tlsSecret=shop-tls,persistence.enabled=false",
		"--set", "metrics.serviceMonitor.enabled=true,metrics.rules.enabled=true,metrics.dashboard.enabled=true",
		"--set", "secretMounts[0].name=ci,secretMounts[0].mountPath=/run/ci"}
	for _, flags := range [][]string{nil, exposed} {
		text := runs(t, "", append([]string{helm, "template", "edge", chart, "--kube-version", "1.31.0"}, flags...)...)
		declared, pods, configurations := map[string]bool{}, 0, 0
		docs := yamlDocuments(t, "chart", text)
		for _, doc := range docs {
			declared[doc["kind"].(string)+"/"+get[string](doc, "metadata", "name")] = true
		}
		for _, doc := range docs {
			if doc["kind"] == "Deployment" {
				pods++
				safePod(t, "chart", get[map[string]any](doc, "spec", "template", "spec"), declared)
			}
			if inner := get[string](doc, "data", "sluice.yaml"); inner != "" {
				configurations++
				held(t, "chart: sluice.yaml", inner)
			}
		}
		if pods != 1 || configurations != 1 {
			t.Errorf("with %q: %d pods, %d configurations, want one of each", flags, pods, configurations)
		}
		if flags != nil && (!declared["ServiceMonitor/edge-sluice"] || !declared["PrometheusRule/edge-sluice"] || !declared["ConfigMap/edge-sluice-dashboard"]) {
			t.Errorf("declared: %v", declared)
		}
	}
}

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// prometheus starts the real one, which scrapes target five times a second. It is in Debian's package
// of that name, which .ci/run installs; without it the test is skipped, but never in CI.
func prometheus(t testing.TB, target string) (url string) {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("prometheus is missing")
		}
		t.Skip("prometheus is missing: install the package prometheus")
	}
	dir, address := t.TempDir(), freeAddress(t)
	conf := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("scrape_configs:\n  - job_name: shop\n    scrape_interval: 200ms\n    scrape_timeout: 200ms\n    static_configs: [{targets: [%q]}]\n",
		strings.TrimPrefix(target, "http://"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+conf, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
		_ = cmd.Wait()
	})
	return "http://" + address
}

// hasData waits until a query on the server at url gives something.
func hasData(t testing.TB, url, query string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		resp, err := http.Get(url + "/api/v1/query?query=" + query)
		if err != nil {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && strings.Contains(string(body), `"value"`) {
			return
		}
	}
	t.Fatalf("prometheus has no %s after 20s", query)
}

// A version that answers well, and yet loses orders, is condemned by what Prometheus knows.
func TestPrometheusCondemns(t *testing.T) {
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "orders_lost_ratio{version=\"v1\"} 0.01\norders_lost_ratio{version=\"v2\"} 0.25\n")
	}))
	t.Cleanup(exporter.Close)
	server := prometheus(t, exporter.URL)
	hasData(t, server, "orders_lost_ratio")
	v1, v2 := startOrigin(t), startOrigin(t)
	metric := func(name, query string) string {
		return fmt.Sprintf("        - {name: %s, breach: \"> 5%%\", evaluations: 2, prometheus: {url: %q, interval: 1s, timeout: 1s, query: '%s'}}\n", name, server, query)
	}
	p := boot(t, shielded(v1.URL, v2.URL, 20, false)+"    guard:\n      metrics:\n"+
		metric("orders_lost", `orders_lost_ratio{version="${version}"}`)+
		metric("misspelt", `order_lost_ratio{version="${version}"}`)+
		metric("both", `orders_lost_ratio{version=~"v1|${version}"}`)+
		metric("wrong", `orders_lost_ratio{version="${version}"`))
	load := startPace(t, p, 100, "/status/200")
	p.until("v2 quarantined", func() bool { return p.version("shop", "v2").State == "quarantined" })
	load.stop()
	if bad := load.bad.Load(); bad != 0 {
		t.Errorf("%d bad answers: v2 answered well", bad)
	}
	var answer struct {
		Decisions []struct{ Version, Action, Metric, Summary string }
	}
	p.api("GET", "/api/v1/services/shop/decisions", nil, &answer)
	if len(answer.Decisions) != 1 || answer.Decisions[0].Metric != "orders_lost" || answer.Decisions[0].Version != "v2" ||
		!strings.Contains(answer.Decisions[0].Summary, "> 5% at 2 evaluations in a row") || !strings.Contains(answer.Decisions[0].Summary, "0.25, stable 0.01") {
		t.Errorf("decisions: got %+v", answer.Decisions)
	}
	for _, want := range []string{
		"misspelt gives no evidence about v2: prometheus: no data",
		"both gives no evidence about v2: prometheus: 2 series, want one",
		"wrong gives no evidence about v2: prometheus: answered 400: invalid parameter",
	} {
		p.until(want, func() bool { return strings.Contains(p.logs(), want) })
	}
}

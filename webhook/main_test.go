package webhook

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const patience = 10 * time.Second // more than anything here takes

// forwarded counts what came through the proxy of the environment.
var forwarded = make(chan string, 16)

// TestMain sets a proxy before anything reads the environment, which net/http does once: all
// other tests show that loopback servers are reached without it.
func TestMain(m *testing.M) {
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { forwarded <- r.URL.String() }))
	for name, value := range map[string]string{"HTTP_PROXY": proxy.URL, "NO_PROXY": "", "http_proxy": "", "no_proxy": ""} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	proxy.Close()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

package admin

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"
)

// livez says that the process can answer. It depends on nothing else: a
// backend that is down must not get the proxy restarted.
func (s *Server) livez(c *call) error { return c.text(http.StatusOK, "ok\n") }

// readyz says whether the process wants traffic. ?verbose lists what keeps it.
func (s *Server) readyz(c *call) error {
	var reasons []string
	if s.o.Ready != nil {
		reasons = s.o.Ready()
	}
	_, verbose := c.r.URL.Query()["verbose"]
	if len(reasons) == 0 {
		return c.text(http.StatusOK, "ok\n")
	}
	if !verbose {
		return c.text(http.StatusServiceUnavailable, "not ready\n")
	}
	var b strings.Builder
	for _, reason := range reasons {
		fmt.Fprintf(&b, "[-] %s\n", reason)
	}
	b.WriteString("not ready\n")
	return c.text(http.StatusServiceUnavailable, b.String())
}

func (c *call) text(status int, body string) error {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write([]byte(body)) // a prober that left needs no answer
	}
	return nil
}

func (s *Server) getMetrics(c *call) error {
	s.metrics.ServeHTTP(c.w, c.r)
	return nil
}

// getProfile is net/http/pprof under our guards. A profile may take as long as
// an answer may take to write; pprof refuses a longer one itself.
func (s *Server) getProfile(c *call) error {
	if err := c.lastUntil(time.Time{}); err != nil {
		return err
	}
	switch c.r.PathValue("profile") {
	case "cmdline":
		pprof.Cmdline(c.w, c.r)
	case "profile":
		pprof.Profile(c.w, c.r)
	case "symbol":
		pprof.Symbol(c.w, c.r)
	case "trace":
		pprof.Trace(c.w, c.r)
	default:
		pprof.Index(c.w, c.r)
	}
	return nil
}

// lastUntil lets the connection be read beyond readTimeout. Reading is how the
// server notices that the client left, and a timeout there would end the call.
func (c *call) lastUntil(deadline time.Time) error {
	return http.NewResponseController(c.w).SetReadDeadline(deadline)
}

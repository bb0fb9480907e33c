package admin

import (
	"context"
	"log/slog"
	"net/http"
)

// change is what a handler tells the audit about itself.
type change struct {
	service, version string
	before, after    string // "v1=100 v2=0"; after is empty if nothing changed
	reason           string
	dryRun           bool
}

// record writes the audit line of a call that wanted to change something, whether it was let through
// or not. Of callers that nobody knows an address gets ten lines at once, then one a second: strangers
// must not fill the disk that the proxy lives on. They are refused, or sign out without a session, which changes
// nothing. The next line counts what had none.
func (s *Server) record(c *call) {
	if c.who.name == "" && !s.auditable(c.r) {
		s.untold.Add(1)
		return
	}
	level := slog.LevelInfo
	if c.w.status >= http.StatusBadRequest {
		level = slog.LevelWarn
	}
	who := c.who.name
	if who == "" {
		who = "unknown"
	}
	a := c.audit
	if a.reason != "" {
		a.reason = printable(a.reason)
	}
	attrs := []slog.Attr{
		slog.String("who", who), slog.String("role", string(c.who.role)), slog.String("remote", remoteOf(c.r)),
		slog.String("method", printable(c.r.Method)), slog.String("path", shownPath(c.r)),
		slog.String("service", a.service), slog.String("version", a.version),
		slog.String("before", a.before), slog.String("after", a.after), slog.String("reason", a.reason),
		slog.Bool("dry_run", a.dryRun), slog.Int("status", c.w.status), slog.String("request_id", c.id),
	}
	if n := s.untold.Swap(0); n > 0 {
		attrs = append(attrs, slog.Int64("refused_without_a_line", n))
	}
	s.o.Audit.LogAttrs(context.WithoutCancel(c.r.Context()), level, "admin change", attrs...)
}

// auditable reports whether an unknown caller's address may have a line now, and counts it.
func (s *Server) auditable(r *http.Request) bool {
	remote, limited := throttleKey(r)
	return !limited || s.auditLimit.take(remote)
}

// remoteOf is the caller's address; callers on a Unix socket have none.
func remoteOf(r *http.Request) string {
	if r.RemoteAddr == "" || r.RemoteAddr == "@" {
		return "unix"
	}
	return r.RemoteAddr
}

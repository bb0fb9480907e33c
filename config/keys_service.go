package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The tables of a service, besides its guard and rollout.

func serviceKind() kind[Service] {
	return mapping(defaultService(),
		needs("name", "The service's name, unique.", name(), func(s *Service) *string { return &s.Name }),
		has("routes", "Any route that matches leads here; the most specific of all services wins. Default: every request.", list(routeKind(), 1), func(s *Service) *[]Route { return &s.Routes }),
		has("stable", "The version that others are compared with and that takes over; may be left out with a single version.", name(), func(s *Service) *string { return &s.Stable }),
		needs("versions", "Versions of the service; weights sum to 100.", list(versionKind(), 1), func(s *Service) *[]Version { return &s.Versions }),
		has("sticky", "The key that keeps a user on a version. Left out: each request anew.", optional(stickyKind()), func(s *Service) **Sticky { return &s.Sticky }),
		has("rules", "Header-based splitting: the first match wins, before sticky and weights.", list(ruleKind(), 0), func(s *Service) *[]Rule { return &s.Rules }),
		has("mirror", "Copies requests to a version that answers nobody.", optional(mirrorKind()), func(s *Service) **Mirror { return &s.Mirror }),
		has("timeouts", "Timeouts towards the versions.", timeoutsKind(), func(s *Service) *Timeouts { return &s.Timeouts }),
		has("retries", "Retries of replayable requests on another endpoint of the same version.", retriesKind(), func(s *Service) *Retries { return &s.Retries }),
		has("limits", "Limits of each version.", limitsKind(), func(s *Service) *Limits { return &s.Limits }),
		has("health", "Active checks, per endpoint; all of them must pass.", optional(healthKind()), func(s *Service) **Health { return &s.Health }),
		has("guard", "What cuts a bad version off; always armed.", guardKind(), func(s *Service) *Guard { return &s.Guard }),
		has("rollout", "How a new version gets its traffic, stage by stage.", optional(rolloutKind()), func(s *Service) **Rollout { return &s.Rollout }),
		has("faults", "Chaos experiments: what requests to one version suffer for a while, once started by hand.", list(injectionKind(), 0), func(s *Service) *[]Injection { return &s.Faults }),
		has("headers", "Header policy, applied after ours.", headersKind(), func(s *Service) *Headers { return &s.Headers }),
	)
}

func defaultService() Service {
	return Service{
		Routes:   []Route{{Path: Path{Prefix: "/"}}},
		Timeouts: defaultTimeouts(), Retries: defaultRetries(), Limits: defaultLimits(), Guard: defaultGuard(),
	}
}

// conditions are the keys that routes and rules share.
func conditions[T any](methods func(*T) *[]string, headers, cookies, query func(*T) *map[string]Match) []key[T] {
	return append([]key[T]{has("methods", "Any of these methods.", list(method(), 1), methods)}, requestConditions(headers, cookies, query)...)
}

func requestConditions[T any](headers, cookies, query func(*T) *map[string]Match) []key[T] {
	return []key[T]{
		has("headers", "Conditions on request headers.", dict(condition(), headerName), headers),
		has("cookies", "Conditions on cookies.", dict(condition(), cookieName), cookies),
		has("query", "Conditions on query parameters.", dict(condition(), anyName), query),
	}
}

func routeKind() kind[Route] {
	keys := conditions(
		func(r *Route) *[]string { return &r.Methods },
		func(r *Route) *map[string]Match { return &r.Headers },
		func(r *Route) *map[string]Match { return &r.Cookies },
		func(r *Route) *map[string]Match { return &r.Query })
	return mapping(Route{Path: Path{Prefix: "/"}}, append(keys,
		has("hosts", "Any of these hosts, exact or *.suffix, any port. Left out: any host.", list(host(), 1), func(r *Route) *[]string { return &r.Hosts }),
		has("path", "A prefix on segment boundaries, or {exact: …}, {regex: …}.", routePath(), func(r *Route) *Path { return &r.Path }),
		has("allow_raw_path", "Accept %2f %5c %00 ..; and dot segments in the raw path.", boolean(), func(r *Route) *bool { return &r.AllowRawPath }),
	)...)
}

func versionKind() kind[Version] {
	return mapping(Version{},
		needs("name", "The version's name, unique in its service.", name(), func(v *Version) *string { return &v.Name }),
		has("weight", "Initial share in percent, down to 0.01; live weights are state.", weight(), func(v *Version) *int { return &v.WeightBP }),
		needs("endpoints", "Where the version is reached.", list(endpoint(), 1), func(v *Version) *[]Endpoint { return &v.Endpoints }),
		has("labels", "Free text about the version.", dict(value(), anyName), func(v *Version) *map[string]string { return &v.Labels }),
		has("shield", "A replayable request that fails here is answered by the stable version.", boolean(), func(v *Version) *bool { return &v.Shield }),
		has("tls", "How https endpoints are verified, and who we say we are.", optional(upstreamTLSKind()), func(v *Version) **UpstreamTLS { return &v.TLS }),
		has("proxy_protocol", "Tell the endpoints of the client by a PROXY protocol header at the beginning of each connection, before TLS; connections are then not shared between clients. Left out: none.",
			choice[string]("v1", "v2"), func(v *Version) *string { return &v.ProxyProtocol }),
	)
}

func upstreamTLSKind() kind[UpstreamTLS] {
	k := mapping(UpstreamTLS{},
		has("ca", "PEM file of the authorities trusted. Left out: the system's.", filePath(), func(u *UpstreamTLS) *string { return &u.CA }),
		has("cert", "PEM file of our client certificate.", filePath(), func(u *UpstreamTLS) *string { return &u.Cert }),
		has("key", "PEM file of its private key.", filePath(), func(u *UpstreamTLS) *string { return &u.Key }),
		has("server_name", "Name to verify and to ask for. Left out: the endpoint's host.", host(), func(u *UpstreamTLS) *string { return &u.ServerName }),
	)
	k.schema["dependentRequired"] = map[string]any{"cert": []string{"key"}, "key": []string{"cert"}}
	read := k.read
	k.read = func(d *decoder, n *node, path string, dst *UpstreamTLS) {
		read(d, n, path, dst)
		cert, keyFile := n.field("cert"), n.field("key")
		if cert != nil && keyFile == nil {
			d.faultAt(n.line, n.col, child(path, "key"), "missing, cert stands alone")
		}
		if keyFile != nil && cert == nil {
			d.faultAt(n.line, n.col, child(path, "cert"), "missing, key stands alone")
		}
	}
	return k
}

func stickyKind() kind[Sticky] {
	k := mapping(Sticky{},
		has("cookie", "A cookie of ours, set with a random value.", named("a cookie name", cookieName), func(s *Sticky) *string { return &s.Cookie }),
		has("header", "A request header's value.", named("a header name", headerName), func(s *Sticky) *string { return &s.Header }),
		has("query", "A query parameter's value.", named("the name of a query parameter", anyName), func(s *Sticky) *string { return &s.Query }),
		has("client_ip", "The client's address.", boolean(), func(s *Sticky) *bool { return &s.ClientIP }),
	)
	exactlyOne(k.schema)
	read, show := k.read, k.show
	k.read = func(d *decoder, n *node, path string, dst *Sticky) {
		read(d, n, path, dst)
		if n.kind == mapNode && len(n.entries) != 1 {
			d.faultAt(n.line, n.col, path, "want exactly one of cookie, header, query, client_ip")
		}
		if ip := n.field("client_ip"); ip != nil && ip.text == "false" {
			d.wrong(ip, child(path, "client_ip"), "true, or sticky left out")
		}
	}
	k.show = func(s Sticky) any {
		shown, _ := show(s).(map[string]any)
		if !s.ClientIP {
			delete(shown, "client_ip")
		}
		return shown
	}
	return k
}

func ruleKind() kind[Rule] {
	return mapping(Rule{Percent: 100},
		needs("name", "The rule's name, unique in its service.", name(), func(r *Rule) *string { return &r.Name }),
		needs("when", "Conditions that must all hold.", whenKind(), func(r *Rule) *When { return &r.When }),
		needs("to", "The version that matching requests go to.", name(), func(r *Rule) *string { return &r.To }),
		has("percent", "Share of the matching keys; the rest falls through.", percent(), func(r *Rule) *float64 { return &r.Percent }),
	)
}

func whenKind() kind[When] {
	keys := conditions(
		func(w *When) *[]string { return &w.Methods },
		func(w *When) *map[string]Match { return &w.Headers },
		func(w *When) *map[string]Match { return &w.Cookies },
		func(w *When) *map[string]Match { return &w.Query })
	return conditional(mapping(When{}, append(keys,
		has("path", "A prefix on segment boundaries, or {exact: …}, {regex: …}.", optional(routePath()), func(w *When) **Path { return &w.Path }))...),
		"the rule would take every request", func(w *When) int {
			if w.Path != nil {
				return 1
			}
			return len(w.Methods) + len(w.Headers) + len(w.Cookies) + len(w.Query)
		})
}

func mirrorKind() kind[Mirror] {
	base := Mirror{Percent: 100, Methods: []string{"GET", "HEAD"}, MaxBody: 64 << 10, Timeout: 5 * time.Second, Headers: []string{"Content-Type"}}
	return mapping(base,
		needs("to", "The version that gets the copies.", name(), func(m *Mirror) *string { return &m.To }),
		has("percent", "Share of requests that are copied.", percent(), func(m *Mirror) *float64 { return &m.Percent }),
		has("methods", "Methods that are copied; naming an unsafe one allows it. Default GET and HEAD.", list(method(), 1), func(m *Mirror) *[]string { return &m.Methods }),
		has("max_body", "Requests with larger bodies are not copied.", size(0, 16<<20), func(m *Mirror) *int64 { return &m.MaxBody }),
		has("timeout", "For the copy's whole exchange.", duration(time.Millisecond), func(m *Mirror) *time.Duration { return &m.Timeout }),
		has("compare", "Compare the copy's answer with stable's; of strategy shadow always.", boolean(), func(m *Mirror) *bool { return &m.Compare }),
		has("ignore", "Paths into JSON answers that are not compared, such as $.id or $.items[*].at.", list(answerPath(), 0), func(m *Mirror) *[]string { return &m.Ignore }),
		has("headers", "Answer headers that are compared, besides the status. Default Content-Type.", whole(list(named("a header name", headerName), 0)), func(m *Mirror) *[]string { return &m.Headers }),
	)
}

// answerPath is where a JSON answer is not looked at, in the notation of JSONPath (RFC 9535) as package
// comparison reads it: .name, ..name at any depth, [0], [*] and ['name'].
func answerPath() kind[string] {
	re := regexp.MustCompile(`^\$(\.\.?([A-Za-z0-9_-]|[^\x00-\x7F])+|\.\.?\*|(\.\.)?\[(0|[1-9]\d{0,8}|\*|'([^'\\]|\\.)*'|"([^"\\]|\\.)*")\])+$`)
	return text("a path into the answer such as $.id, $.items[*].at or $..updated_at", re.String(), func(s string) error {
		if strings.Count(s, "..") > 3 {
			return errors.New("it must not look at any depth more than three times")
		}
		return matching(re)(s)
	})
}

// whole is a list that is shown also where it is empty, which its default is not.
func whole(k kind[[]string]) kind[[]string] {
	show := k.show
	k.show = func(v []string) any {
		if len(v) == 0 {
			return []any{}
		}
		return show(v)
	}
	return k
}

func defaultTimeouts() Timeouts {
	return Timeouts{Connect: time.Second, Response: 30 * time.Second, Idle: 60 * time.Second, Tunnel: time.Hour}
}

func timeoutsKind() kind[Timeouts] {
	return mapping(defaultTimeouts(),
		has("connect", "To open a connection.", duration(time.Millisecond), func(t *Timeouts) *time.Duration { return &t.Connect }),
		has("response", "From the last byte of the request sent to the last byte of the answer's head.", duration(time.Millisecond), func(t *Timeouts) *time.Duration { return &t.Response }),
		has("idle", "Between two bytes of the answer's body.", duration(time.Millisecond), func(t *Timeouts) *time.Duration { return &t.Idle }),
		has("whole", "For the whole exchange; 0 sets none.", duration(0), func(t *Timeouts) *time.Duration { return &t.Whole }),
		has("tunnel", "For a tunnel without traffic.", duration(time.Millisecond), func(t *Timeouts) *time.Duration { return &t.Tunnel }),
	)
}

func defaultRetries() Retries {
	return Retries{Attempts: 1, On: []string{"connect_error", "reset"}, Budget: 0.2}
}

func retriesKind() kind[Retries] {
	return mapping(defaultRetries(),
		has("attempts", "Attempts in all, the first included; 1 retries nothing.", integer(1, 10), func(r *Retries) *int { return &r.Attempts }),
		has("on", "Failures that are tried again. Default connect_error and reset.", list(retryCause(), 1), func(r *Retries) *[]string { return &r.On }),
		has("budget", "Retries as a share of the active requests.", share(), func(r *Retries) *float64 { return &r.Budget }),
	)
}

func retryCause() kind[string] {
	k := text("connect_error, reset, timeout or a status from 400 to 599", `^(connect_error|reset|timeout|[45]\d\d)$`, func(s string) error {
		if slices.Contains([]string{"connect_error", "reset", "timeout"}, s) {
			return nil
		}
		if v, err := strconv.Atoi(s); err != nil || v < 400 || v > 599 || !digitsOnly(s) {
			return errShape
		}
		return nil
	})
	k.schema = schema{"anyOf": []any{
		schema{"type": "string", "pattern": k.schema["pattern"]},
		schema{"type": "integer", "minimum": 400, "maximum": 599},
	}}
	return k
}

func defaultLimits() Limits { return Limits{ConnectionsPerVersion: 4096, PendingPerVersion: 1024} }

func limitsKind() kind[Limits] {
	return mapping(defaultLimits(),
		has("connections_per_version", "Connections to a version's endpoints.", integer(1, 10_000_000), func(l *Limits) *int { return &l.ConnectionsPerVersion }),
		has("pending_per_version", "Requests that wait for a connection; 0 lets none wait.", integer(0, 10_000_000), func(l *Limits) *int { return &l.PendingPerVersion }),
		has("max_body", "Size of a request's body; beyond it: 413. 0 sets no limit.", size(0, 1<<50), func(l *Limits) *int64 { return &l.MaxBody }),
	)
}

func healthKind() kind[Health] {
	base := Health{Interval: 5 * time.Second, Timeout: time.Second, HealthyThreshold: 2, UnhealthyThreshold: 3}
	return mapping(base,
		has("interval", "Between two rounds of checks.", duration(100*time.Millisecond), func(h *Health) *time.Duration { return &h.Interval }),
		has("timeout", "For one check.", duration(time.Millisecond), func(h *Health) *time.Duration { return &h.Timeout }),
		has("healthy_threshold", "Rounds passed in a row that make an endpoint healthy.", integer(1, 100), func(h *Health) *int { return &h.HealthyThreshold }),
		has("unhealthy_threshold", "Rounds failed in a row that make an endpoint unhealthy.", integer(1, 100), func(h *Health) *int { return &h.UnhealthyThreshold }),
		needs("checks", "What is asked of each endpoint.", list(checkKind(), 1), func(h *Health) *[]HealthCheck { return &h.Checks }),
	)
}

// expectation is what a check's `expect` block holds.
type expectation struct {
	status int
	json   map[string]any
}

func checkKind() kind[HealthCheck] {
	expect := mapping(expectation{status: 200},
		has("status", "Expected status.", integer(100, 599), func(e *expectation) *int { return &e.status }),
		has("json", "Members that the answer's JSON object must have.", dict(anything(), anyName), func(e *expectation) *map[string]any { return &e.json }),
	)
	return mapping(HealthCheck{Status: 200},
		needs("path", "Path, and query, to GET.", requestTarget(), func(c *HealthCheck) *string { return &c.Path }),
		has("host", "Host header. Left out: the endpoint's.", nonEmpty("a host"), func(c *HealthCheck) *string { return &c.Host }),
		key[HealthCheck]{
			name: "expect", doc: "What the answer must be; default status 200.", schema: expect.schema,
			read: func(d *decoder, n *node, path string, dst *HealthCheck) {
				e := expectation{status: 200}
				expect.read(d, n, path, &e)
				dst.Status, dst.JSON = e.status, e.json
			},
			show: func(c *HealthCheck) any { return expect.show(expectation{c.Status, c.JSON}) },
		},
	)
}

// requestTarget is a path, with a query if need be, as it is sent.
func requestTarget() kind[string] {
	return text("a path such as /health", `^/`, func(s string) error {
		switch {
		case !strings.HasPrefix(s, "/"):
			return errors.New("it must start with /")
		case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }):
			return errors.New("it must not hold spaces, # or characters beyond ASCII")
		}
		path, _, _ := strings.Cut(s, "?")
		if _, err := url.PathUnescape(path); err != nil {
			return errors.New("a percent sign must have two hex digits after it; one of its own is %25")
		}
		return nil
	})
}

func headersKind() kind[Headers] {
	return mapping(Headers{},
		has("request", "Towards the versions.", headerEditKind(), func(h *Headers) *HeaderEdit { return &h.Request }),
		has("response", "Towards the clients.", headerEditKind(), func(h *Headers) *HeaderEdit { return &h.Response }),
	)
}

func headerEditKind() kind[HeaderEdit] {
	return mapping(HeaderEdit{},
		has("set", "Headers to set, replacing what is there.", headerValues(editableHeader), func(h *HeaderEdit) *map[string]string { return &h.Set }),
		has("remove", "Headers to remove.", list(named("the name of a header that may be edited", editableHeader), 0), func(h *HeaderEdit) *[]string { return &h.Remove }),
	)
}

// headerValues is a mapping of header names to values; those of names that
// speak of secrets are not shown.
func headerValues(form func(string) (string, error)) kind[map[string]string] {
	return masking(dict(headerValue(), form))
}

// masking hides the values of names that speak of secrets.
func masking(k kind[map[string]string]) kind[map[string]string] {
	show := k.show
	k.show = func(v map[string]string) any {
		shown, _ := show(v).(map[string]any)
		for name := range shown {
			if secretName(name) {
				shown[name] = mask
			}
		}
		if shown == nil {
			return nil
		}
		return shown
	}
	return k
}

func headerValue() kind[string] {
	k := text("a header value", "", func(s string) error {
		if strings.ContainsFunc(s, func(r rune) bool { return isControl(r) && r != '\t' }) {
			return errors.New("it must not hold CR, LF, NUL or other control characters")
		}
		return nil
	})
	k.show = func(v string) any { return v }
	k.schema = value().schema
	return k
}

// editableHeader refuses headers that frame a message or belong to one
// connection (RFC 9110 7.6.1): editing them would break the exchange.
func editableHeader(s string) (string, error) {
	final, err := headerName(s)
	if err != nil {
		return "", err
	}
	switch final {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Te", "Trailer", "Upgrade",
		"Content-Length", "Host", "Expect", "X-Sluice-Mirror":
		return "", fmt.Errorf("%s belongs to the proxy and must not be edited", final)
	}
	return final, nil
}

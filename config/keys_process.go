package config

import (
	"net/netip"
	"time"
)

// The tables of what the file may hold besides its services. A table gives a
// key's name, what it means, how it is read, and where it is kept.

func configKind() kind[Config] {
	return mapping(defaultConfig(),
		has("listeners", "Sockets that accept client traffic.", list(listenerKind(), 1), func(c *Config) *[]Listener { return &c.Listeners }),
		has("admin", "The admin API's listener.", adminKind(), func(c *Config) *Admin { return &c.Admin }),
		has("state", "Where live state is kept across restarts.", stateKind(), func(c *Config) *StateStore { return &c.State }),
		has("drain", "How a shutdown is timed.", drainKind(), func(c *Config) *Drain { return &c.Drain }),
		has("trusted_proxies", "Networks whose X-Forwarded-* headers are believed.", list(network(), 0), func(c *Config) *[]netip.Prefix { return &c.TrustedProxies }),
		has("access_log", "Where a line per request goes.", accessLogKind(), func(c *Config) *AccessLog { return &c.AccessLog }),
		has("log", "The process's own log, on stderr.", logKind(), func(c *Config) *Log { return &c.Log }),
		has("proxy", "Limits and header policy that hold for all services.", proxyKind(), func(c *Config) *Proxy { return &c.Proxy }),
		needs("services", "Services and their versions.", list(serviceKind(), 1), func(c *Config) *[]Service { return &c.Services }),
	)
}

func defaultConfig() Config {
	return Config{
		Listeners: []Listener{{Address: "127.0.0.1:8080"}},
		Admin:     defaultAdmin(),
		State:     StateStore{Dir: defaultStateDir},
		Drain:     defaultDrain(),
		AccessLog: defaultAccessLog(),
		Log:       Log{Level: "info", Format: "text"},
		Proxy:     defaultProxy(),
	}
}

func listenerKind() kind[Listener] {
	return mapping(Listener{},
		needs("address", "host:port or unix:/path; an empty host listens on all addresses.", address(), func(l *Listener) *string { return &l.Address }),
		has("tls", "Serve TLS. Left out: plain text.", optional(tlsKind()), func(l *Listener) **TLS { return &l.TLS }),
		has("preview", "A service: what comes in here goes to its rollout's canary, whatever the Host; users do not come in here.", name(), func(l *Listener) *string { return &l.Preview }),
		has("proxy_protocol", "Take only connections that begin with a PROXY protocol header, version 1 or 2, and whose sender is trusted.", optional(proxyProtocolKind()), func(l *Listener) **ProxyProtocol { return &l.ProxyProtocol }),
	)
}

func proxyProtocolKind() kind[ProxyProtocol] {
	return mapping(ProxyProtocol{},
		needs("trusted", "Networks of the load balancers; others are closed. Whoever comes by a Unix socket is trusted.", list(network(), 1), func(p *ProxyProtocol) *[]netip.Prefix { return &p.Trusted }),
	)
}

// tlsKind reads certificates as a list, or one pair as cert and key.
func tlsKind() kind[TLS] {
	pair := func(t *TLS) *Certificate {
		if len(t.Certificates) == 0 {
			t.Certificates = make([]Certificate, 1)
		}
		return &t.Certificates[0]
	}
	cert := has("cert", "PEM file of the certificate chain; short for a list of one.", filePath(), func(t *TLS) *string { return &pair(t).Cert })
	keyFile := has("key", "PEM file of the private key that belongs to cert.", filePath(), func(t *TLS) *string { return &pair(t).Key })
	hide(&cert)
	hide(&keyFile)
	k := mapping(TLS{MinVersion: "1.2"},
		has("certificates", "Certificates, chosen by the name that the client asks for; the first is the default.", list(certificateKind(), 1), func(t *TLS) *[]Certificate { return &t.Certificates }),
		cert, keyFile,
		has("client_ca", "PEM file; clients must show a certificate of it.", filePath(), func(t *TLS) *string { return &t.ClientCA }),
		has("min_version", "Oldest TLS version accepted.", choice[string]("1.2", "1.3"), func(t *TLS) *string { return &t.MinVersion }),
	)
	read := k.read
	k.read = func(d *decoder, n *node, path string, dst *TLS) {
		read(d, n, path, dst)
		if n.kind == mapNode {
			checkPairs(d, n, path)
		}
	}
	return k
}

func hide[T any](k *key[T]) {
	k.hidden, k.show = true, func(*T) any { return nil }
}

// checkPairs looks at the keys as written: a certificate without its key is a
// fault, and so are both spellings at once.
func checkPairs(d *decoder, n *node, path string) {
	cert, keyFile, many := n.field("cert"), n.field("key"), n.field("certificates")
	switch {
	case many != nil && (cert != nil || keyFile != nil):
		d.faultAt(n.line, n.col, path, "want either certificates or one pair of cert and key")
	case many != nil:
	case cert == nil && keyFile == nil:
		d.faultAt(n.line, n.col, path, "want certificates, or cert and key")
	case cert == nil:
		d.faultAt(n.line, n.col, child(path, "cert"), "missing, key stands alone")
	case keyFile == nil:
		d.faultAt(n.line, n.col, child(path, "key"), "missing, cert stands alone")
	}
}

func certificateKind() kind[Certificate] {
	return mapping(Certificate{},
		needs("cert", "PEM file of the certificate chain.", filePath(), func(c *Certificate) *string { return &c.Cert }),
		needs("key", "PEM file of the private key.", filePath(), func(c *Certificate) *string { return &c.Key }),
	)
}

func filePath() kind[string] { return nonEmpty("the path of a file") }

func defaultAdmin() Admin { return Admin{Address: "127.0.0.1:9900", PublicMetrics: true} }

func adminKind() kind[Admin] {
	return mapping(defaultAdmin(),
		has("address", "Loopback or a Unix socket; any other address needs tls, and tokens or client_ca.", address(), func(a *Admin) *string { return &a.Address }),
		has("tls", "Serve TLS.", optional(tlsKind()), func(a *Admin) **TLS { return &a.TLS }),
		has("tokens", "Bearer tokens; none: the address alone protects the API.", unseen(list(tokenKind(), 0), "a list"), func(a *Admin) *[]Token { return &a.Tokens }),
		has("public_metrics", "Whether /metrics needs no token.", boolean(), func(a *Admin) *bool { return &a.PublicMetrics }),
		has("public_url", "Where people reach the admin listener, for links in messages. Left out: messages carry none.",
			text("a URL such as https://sluice.example.com", "", bareURL), func(a *Admin) *string { return &a.PublicURL }),
		has("allowed_hosts", "Further Host names that may reach the API, besides loopback names and the address itself.", list(host(), 0), func(a *Admin) *[]string { return &a.AllowedHosts }),
	)
}

const defaultStateDir = "./sluice-state"

func stateKind() kind[StateStore] {
	return mapping(StateStore{Dir: defaultStateDir},
		has("dir", "Live weights, latches, history, decisions. Default: $STATE_DIRECTORY, else ./sluice-state.", nonEmpty("the path of a directory"), func(s *StateStore) *string { return &s.Dir }),
	)
}

func defaultDrain() Drain { return Drain{Delay: 5 * time.Second, Timeout: 25 * time.Second} }

func drainKind() kind[Drain] {
	return mapping(defaultDrain(),
		has("delay", "Between /readyz turning 503 and the listeners closing.", duration(0), func(v *Drain) *time.Duration { return &v.Delay }),
		has("timeout", "For what is in flight, tunnels included.", duration(0), func(v *Drain) *time.Duration { return &v.Timeout }),
	)
}

func defaultAccessLog() AccessLog { return AccessLog{Path: "stdout", Format: "json", Sample: 1} }

func accessLogKind() kind[AccessLog] {
	return mapping(defaultAccessLog(),
		has("path", "stdout, stderr, off, or a file.", nonEmpty("stdout, stderr, off, or the path of a file"), func(a *AccessLog) *string { return &a.Path }),
		has("format", "Format of a line.", choice[string]("json", "combined"), func(a *AccessLog) *string { return &a.Format }),
		has("sample", "Share of requests logged; failures always are.", share(), func(a *AccessLog) *float64 { return &a.Sample }),
	)
}

func logKind() kind[Log] {
	return mapping(Log{Level: "info", Format: "text"},
		has("level", "Least level logged.", choice[string]("debug", "info", "warn", "error"), func(l *Log) *string { return &l.Level }),
		has("format", "Format of a line.", choice[string]("text", "json"), func(l *Log) *string { return &l.Format }),
	)
}

func defaultProxy() Proxy {
	return Proxy{
		HeadTimeout: 10 * time.Second, KeepAliveTimeout: 60 * time.Second,
		BodyTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		MinBodyRate: 64, MaxHeadBytes: 32 << 10, MaxHeaders: 100, MaxConnections: 100_000, Via: "sluice",
	}
}

func proxyKind() kind[Proxy] {
	return mapping(defaultProxy(),
		has("head_timeout", "For a client's whole request head.", duration(time.Millisecond), func(p *Proxy) *time.Duration { return &p.HeadTimeout }),
		has("keep_alive_timeout", "How long an idle client connection is kept.", duration(time.Millisecond), func(p *Proxy) *time.Duration { return &p.KeepAliveTimeout }),
		has("body_timeout", "Between two reads of a client's body.", duration(time.Millisecond), func(p *Proxy) *time.Duration { return &p.BodyTimeout }),
		has("write_timeout", "Between two writes to a client that does not read.", duration(time.Millisecond), func(p *Proxy) *time.Duration { return &p.WriteTimeout }),
		has("min_body_rate", "Bytes per second that a client must keep up in its body after body_timeout; 0 turns it off.", size(0, 1<<30), func(p *Proxy) *int64 { return &p.MinBodyRate }),
		has("max_head_bytes", "Size of a request's head; beyond it: 431.", sizeInt(1<<10, 1<<20), func(p *Proxy) *int { return &p.MaxHeadBytes }),
		has("max_headers", "Header lines of a request; beyond it: 431.", integer(1, 10_000), func(p *Proxy) *int { return &p.MaxHeaders }),
		has("max_connections", "Client connections over all listeners.", integer(1, 10_000_000), func(p *Proxy) *int { return &p.MaxConnections }),
		has("via", "Our name in Via (RFC 9110 7.6.3); \"\" sends none.", viaKind(), func(p *Proxy) *string { return &p.Via }),
		has("underscores", "Let header names with '_' pass; they are dropped otherwise.", boolean(), func(p *Proxy) *bool { return &p.Underscores }),
	)
}

func viaKind() kind[string] {
	k := text("a name of letters, digits, '.', '_' and '-', or nothing", "", func(s string) error {
		if s != "" && !isToken(s) {
			return errShape
		}
		return nil
	})
	k.show = func(v string) any { return v }
	return k
}

// sizeInt is size for fields of type int.
func sizeInt(lo, hi int64) kind[int] {
	wide := size(lo, hi)
	return kind[int]{
		read: func(d *decoder, n *node, path string, dst *int) {
			v := int64(*dst)
			wide.read(d, n, path, &v)
			*dst = int(v)
		},
		show:   func(v int) any { return wide.show(int64(v)) },
		schema: wide.schema,
	}
}

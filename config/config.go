// Package config turns a file into one validated, immutable Config, reports
// every fault at once with its line and column, and watches the file for
// changes. A Config is never modified after Load returns it, so it may be
// shared between goroutines freely. The package starts no goroutine of its
// own: Watcher.Run owns the ones it needs.
package config

import (
	"net/netip"
	"regexp"
	"time"
)

// Config is one whole, validated configuration with every default filled in.
type Config struct {
	Path           string         // file it was read from; "" if it was not read from a file
	Version        string         // short content hash, shown in logs and in the API as config_version
	Listeners      []Listener     // at least one
	Admin          Admin          // the admin API's listener
	State          StateStore     // where live weights and latches are kept
	Drain          Drain          // shutdown
	TrustedProxies []netip.Prefix // whose X-Forwarded-* are believed
	AccessLog      AccessLog
	Log            Log
	Proxy          Proxy // limits and header policy that hold for all services
	Services       []Service

	included []string // files that ${file:…} brought in
	secrets  []string // values brought in that Effective masks
}

// Listener is one socket that accepts client traffic.
type Listener struct {
	Address       string         // host:port, or unix:/path
	TLS           *TLS           // nil: plain text
	ProxyProtocol *ProxyProtocol // nil: off
	Preview       string         // a service: what comes in here goes to its candidate, whatever its Host; "": an ordinary listener
}

// TLS is what a listener shows and asks for.
type TLS struct {
	Certificates []Certificate
	ClientCA     string // PEM file; "" asks for no client certificate
	MinVersion   string // "1.2" (default) or "1.3"
}

// Certificate is a pair of PEM files, read again when they change.
type Certificate struct{ Cert, Key string }

// ProxyProtocol says whose connections a listener takes, all of which must begin with a
// PROXY protocol header.
type ProxyProtocol struct{ Trusted []netip.Prefix }

// Admin is the admin API's listener.
type Admin struct {
	Address       string // host:port or unix:/path; default 127.0.0.1:9900
	TLS           *TLS
	Tokens        []Token
	PublicMetrics bool     // metrics need no token (default true)
	PublicURL     string   // where people reach the admin listener, for links in messages; "": messages carry none
	AllowedHosts  []string // further Host names that may reach the API, besides loopback names and the address itself
}

// Role orders what a token may do: viewer < operator < admin.
type Role string

// The roles, weakest first.
const (
	RoleViewer   Role = "viewer"
	RoleOperator Role = "operator"
	RoleAdmin    Role = "admin"
)

// Token is a named bearer token.
type Token struct {
	Name   string
	Role   Role
	Secret Secret
}

// StateStore is where live state is kept across restarts; Dir is by default the
// first of $STATE_DIRECTORY, else ./sluice-state.
type StateStore struct{ Dir string }

// Drain times a shutdown.
type Drain struct {
	Delay   time.Duration // between /readyz turning 503 and the listeners closing; default 5s
	Timeout time.Duration // for what is in flight, tunnels included; default 25s
}

// AccessLog says where a line per request goes.
type AccessLog struct {
	Path   string  // stdout (default), stderr, off, or a file
	Format string  // json (default) | combined
	Sample float64 // share of requests logged, 0..1, default 1; failures are always logged
}

// Log is the process's own log, on stderr.
type Log struct {
	Level  string // debug | info (default) | warn | error
	Format string // text (default) | json
}

// Proxy holds limits and header policy that hold for all services.
type Proxy struct {
	HeadTimeout      time.Duration // a client's whole request head; default 10s
	KeepAliveTimeout time.Duration // idle client connection; default 60s
	BodyTimeout      time.Duration // between two reads of a client's body; default 30s
	WriteTimeout     time.Duration // between two writes to a client that does not read; default 30s
	MinBodyRate      int64         // bytes/s a client must keep up in its body after BodyTimeout; default 64; 0 disables
	MaxHeadBytes     int           // request head, 431 above; default 32 KiB
	MaxHeaders       int           // header lines, 431 above; default 100
	MaxConnections   int           // client connections over all listeners; default 100000
	Via              string        // name in Via, default sluice; "" sends none
	Underscores      bool          // let header names with '_' pass; default false: dropped
}

// Service is one service and its versions.
type Service struct {
	Name     string
	Routes   []Route
	Stable   string // declared stable; the live one is state
	Versions []Version
	Sticky   *Sticky // nil: each request anew
	Rules    []Rule
	Mirror   *Mirror
	Timeouts Timeouts
	Retries  Retries
	Limits   Limits
	Health   *Health // nil: no active checks
	Guard    Guard   // always filled: contract.md says what stands in for a missing block
	Rollout  *Rollout
	Faults   []Injection // chaos experiments, started by hand and bounded in time
	Headers  Headers
}

// Route leads matching requests to its service. All that is set must match.
type Route struct {
	Hosts        []string // lower case; exact, or "*.suffix"; empty: any host
	Path         Path
	Methods      []string         // empty: any
	Headers      map[string]Match // names in canonical form
	Cookies      map[string]Match
	Query        map[string]Match
	AllowRawPath bool // accept %2f %5c %00 ..; and dot segments in the raw path
}

// Path is one of a prefix on segment boundaries, an exact path, or an anchored
// regular expression. Exactly one is set; the default is Prefix "/".
type Path struct {
	Prefix string
	Exact  string
	Regex  *regexp.Regexp
}

// Match is a condition on one value. Exactly one field is set. Regex is found
// anywhere in the value unless it is anchored by ^ and $.
type Match struct {
	Exact   *string
	In      []string
	Prefix  *string
	Regex   *regexp.Regexp
	Present *bool
}

// Version is one version of a service as declared.
type Version struct {
	Name      string
	WeightBP  int // initial weight in hundredths of a percent, 0..10000
	Endpoints []Endpoint
	Labels    map[string]string
	Shield    bool // a replayable request that fails here is answered by stable
	TLS       *UpstreamTLS

	ProxyProtocol string // header that connections to the endpoints begin with: v1 | v2; "": none
}

// Endpoint is where a version is reached.
type Endpoint struct {
	URL    string // as written
	Scheme string // http | https
	Host   string // name or IP literal, without port or brackets
	Port   int
}

// UpstreamTLS is how https endpoints are verified, and who we say we are.
type UpstreamTLS struct {
	CA         string // PEM file; "" uses the system's roots
	Cert, Key  string // client certificate; both or none
	ServerName string // "" uses the endpoint's host
}

// Sticky names the key that keeps a user on a version. Exactly one is set.
type Sticky struct {
	Cookie   string
	Header   string
	Query    string
	ClientIP bool
}

// Rule sends matching requests to a version before sticky and weights.
type Rule struct {
	Name    string
	When    When
	To      string
	Percent float64 // 0..100 of the matching keys; default 100
}

// When is a conjunction: all that is set must match.
type When struct {
	Methods []string
	Path    *Path
	Headers map[string]Match
	Cookies map[string]Match
	Query   map[string]Match
}

// Mirror copies requests to a version that answers nobody.
type Mirror struct {
	To      string
	Percent float64       // 0..100
	Methods []string      // default GET, HEAD
	MaxBody int64         // bytes; larger bodies are not mirrored; default 64 KiB
	Timeout time.Duration // default 5s
	Compare bool          // compare the answers with stable's
	Ignore  []string      // paths into JSON answers that are not compared: $.id, $.items[*].at
	Headers []string      // answer headers that are compared, besides the status; default Content-Type
}

// Timeouts of one service, each apart.
type Timeouts struct {
	Connect  time.Duration // default 1s
	Response time.Duration // last byte of the request sent → last byte of the answer's head; default 30s
	Idle     time.Duration // between two bytes of the answer's body, and for tunnels without traffic; default 60s
	Whole    time.Duration // the whole exchange; 0 (default): none
	Tunnel   time.Duration // idle tunnel; default 1h
}

// Retries of replayable requests on another endpoint of the same version.
type Retries struct {
	Attempts int      // counts the first; default 1: none
	On       []string // connect_error reset timeout and status codes 400..599 as text; default connect_error, reset
	Budget   float64  // share of active requests, 0..1; default 0.2
}

// Limits of one service. Zero of MaxBody means no limit.
type Limits struct {
	ConnectionsPerVersion int   // default 4096
	PendingPerVersion     int   // waiting for a connection; default 1024
	MaxBody               int64 // bytes; default 0: none
}

// Health is active checking, per endpoint; all checks must pass.
type Health struct {
	Interval           time.Duration // default 5s
	Timeout            time.Duration // of one check, at most Interval; default 1s
	HealthyThreshold   int           // default 2
	UnhealthyThreshold int           // default 3
	Checks             []HealthCheck
}

// HealthCheck is one active health check.
type HealthCheck struct {
	Path   string
	Host   string // Host header; "" uses the endpoint's
	Status int    // expected; default 200
	JSON   map[string]any
}

// Injection is a chaos experiment: what requests to one version suffer for a while.
type Injection struct {
	Name      string
	Version   string
	Percent   float64       // 0..100 of the requests
	Duration  time.Duration // it ends by itself; at most 1h
	Traffic   string        // preview (default: previews and mirrored copies only) | all
	Delay     time.Duration // before the request is sent
	Jitter    time.Duration // uniform around Delay: ± Jitter
	Abort     int           // answer with this status instead; 0: none
	Reset     bool          // close the client's connection without an answer
	Blackhole bool          // no answer until the response timeout
}

// Headers is a service's header policy, applied after ours.
type Headers struct {
	Request  HeaderEdit
	Response HeaderEdit
}

// HeaderEdit sets, then removes. Names are canonical; values hold no control characters.
type HeaderEdit struct {
	Set    map[string]string
	Remove []string
}

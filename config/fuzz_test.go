package config

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func effective(t *testing.T, c *Config) []byte {
	t.Helper()
	encoded, err := json.Marshal(c.Effective())
	if err != nil {
		t.Fatalf("effective configuration is not JSON: %v", err)
	}
	return encoded
}

// roundTrip reads what Effective shows as a file again: the tables must read
// what they show, and lose nothing.
func roundTrip(t *testing.T, c *Config) {
	t.Helper()
	first := effective(t, c)
	if bytes.Contains(first, []byte(mask)) {
		return // secrets do not come back
	}
	again, err := Parse("effective", first, ParseOptions{})
	if err != nil {
		t.Fatalf("the effective configuration is refused:\n%v\n%s", err, first)
	}
	if second := effective(t, again); !bytes.Equal(first, second) {
		t.Fatalf("read again, it differs:\n%s\n%s", first, second)
	}
}

// full uses every key there is but the secret ones.
const full = `
listeners:
  - {address: ":8443", tls: {cert: a, key: b, client_ca: c, min_version: 1.3}, proxy_protocol: {trusted: [10.0.0.0/8, "fd00::/8"]}}
  - {address: ":8444", preview: shop}
admin: {address: "unix:/run/s.sock", public_metrics: false, public_url: "https://a.example.com/sluice", allowed_hosts: [a.example.com]}
state: {dir: /var/lib/sluice}
drain: {delay: 0, timeout: 1h30m}
trusted_proxies: [10.1.2.3]
access_log: {path: "off", format: combined, sample: 0.07%}
log: {level: debug, format: json}
proxy: {head_timeout: 1s, keep_alive_timeout: 1m30s, body_timeout: 1.5s, write_timeout: 3s, min_body_rate: 0, max_head_bytes: 64KiB, max_headers: 50, max_connections: 5, via: "", underscores: true}
services:
  - name: shop
    routes:
      - {hosts: ["*.A.com"], path: {regex: "/a|/b"}, methods: [GET], headers: {x-a: {regex: "^a$"}}, cookies: {c: {prefix: ""}}, query: {q: {present: false}, r: {exact: ""}}, allow_raw_path: true}
    stable: v1
    versions:
      - {name: v1, weight: 99.99, endpoints: ["https://a"], tls: {ca: a, cert: b, key: c, server_name: d}}
      - {name: v2, weight: 0.01%, endpoints: ["http://b:81", "http://[::1]"], labels: {a: "", build-id: 7}, shield: true, proxy_protocol: v2}
    sticky: {client_ip: true}
    rules: [{name: r, when: {path: {exact: /x}, methods: [PUT]}, to: v2, percent: 0.000001}]
    mirror: {to: v2, percent: 12.5, methods: [POST], max_body: 0, timeout: 1ms, compare: true, ignore: [$.id, "$.items[*].at", "$.*[0]", "$..at", "$['a b']"], headers: []}
    timeouts: {connect: 1ms, response: 2s, idle: 3s, whole: 4s, tunnel: 5s}
    retries: {attempts: 3, on: [timeout, "503"], budget: 0}
    limits: {connections_per_version: 1, pending_per_version: 0, max_body: 1}
    health: {interval: 1s, timeout: 1s, healthy_threshold: 1, unhealthy_threshold: 1, checks: [{path: "/h?a=b", host: x, expect: {status: 204, json: {a: [1, null, 1.5, "1", {b: false}]}}}]}
    guard: {trip: off, breach: {}, action: pause, mode: window, window: 10s, min_requests: 5, max_exposed_failures: 3, min_effect: 0.3%, strict: true, warm_up: 5s, min_delay: 0s}
    headers: {request: {set: {x-a: "b c"}, remove: [x-c]}, response: {remove: [Server]}}
    rollout:
      strategy: ab_test
      canary: v2
      stages: [{weight: 7.5, duration: 90s, success: {error_rate: "< 1%"}}, {name: half, weight: 50, approval: {}}]
      preview: {headers: {X-Preview: "1"}, cookies: {p: {present: true}}, query: {p: {in: [a, b]}}}
      approval: {timeout: 1h, then: rollback}
      windows: [{days: [mon, Friday], from: "9:00", to: "24:00", timezone: Europe/Berlin}, {from: "22:00", to: "06:30"}, {}]
      preflight: warn
      success: {success_rate: "> 99%", p50_latency: ["< 1s", "<= 2x stable"]}
      max_wait: 1h
      on_failure: pause
      standby: 0s
      auto_start: true
      analysis: none
      smoke_tests: [{name: t, endpoint: /x, method: POST, payload: [1], headers: {A: b}, expected_status: 201, expected_response: {a: 1}, capture: {x: "$.a[0].b"}, timeout: 1s}]
      hooks: [{name: h, on: event, url: "https://h/x?y=z", format: cloudevents, timeout: 1s, retries: 2}, {name: i, on: during_stage, stages: [half, stage-1], versions: [v1, v2], url: "http://h", format: flagger, metadata: {cmd: "hey -z 1m", a: ""}, interval: 1m}, {name: j, on: rollback_failed, url: "http://h", body: {v: "${version} ${label_a} ${label_build_id}"}}]
    faults:
      - {name: slow, version: v2, percent: 25, duration: 5m, delay: 100ms, jitter: 50ms}
      - {name: gone, version: v2, percent: 0.1, duration: 1h, traffic: all, abort: 503}
      - {name: cut, version: v1, percent: 100%, duration: 1s, delay: 1s, reset: true}
      - {name: hole, version: v1, percent: 100, duration: 1s, blackhole: true, reset: false}
`

func TestRoundTrip(t *testing.T) {
	roundTrip(t, parsed(t, full))
	roundTrip(t, parsed(t, one))
	for _, rollout := range []string{
		"{strategy: canary, canary: v2, stages: {linear: 7.5, every: 90s}}",
		"{strategy: blue_green, canary: v2, duration: 1m, min_requests: 7}",
		"{strategy: blue_green, canary: v2, duration: 0, preflight: off}",
		"{strategy: rolling, canary: v2}",
		"{strategy: rolling, canary: v2, duration: 0s, max_unavailable: 0}",
		"{strategy: shadow, canary: v2, max_difference: 0}\n    mirror: {to: v2}",
		"{strategy: shadow, canary: v2, max_difference: 0.5%, duration: 1h}\n    mirror: {to: v2, compare: true}",
	} {
		roundTrip(t, parsed(t, one+"    rollout: "+rollout+"\n"))
	}
	roundTrip(t, parsed(t, one+"    rollout: {strategy: canary, canary: v2, stages: [{weight: 1, approval: {timeout: 1h, then: promote}}, {name: a.b, weight: 2, min_requests: 4, approval: manual}]}\n"))
}

// FuzzParse: no text panics or gives a fault without a place, expansion
// changes nothing where there is none, and what parses parses again from its effective form.
func FuzzParse(f *testing.F) {
	reference, err := os.ReadFile("testdata/reference.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(reference)
	f.Add([]byte(full))
	data, err := os.ReadFile("testdata/faults.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, part := range strings.Split(string(data), "\n== ") {
		_, rest, _ := strings.Cut(part, "\n")
		in, _, _ := strings.Cut(rest, "\n--\n")
		f.Add([]byte(in))
		f.Add([]byte(one + in))
		f.Add([]byte(in + "\n" + one))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data, ParseOptions{})
		if faults := Check("f", data); (faults == nil) != (err == nil) {
			t.Fatalf("Parse says %v, Check %v", err, faults)
		}
		if err != nil {
			for _, fault := range err.(Faults) {
				if fault.Line < 1 || fault.Col < 1 || fault.Message == "" || strings.ContainsAny(fault.Error(), "\n\r") {
					t.Fatalf("fault without a place or in several lines: %+v", fault)
				}
			}
			return
		}
		if bytes.Contains(data, []byte("$")) {
			return // opaque values are no values
		}
		roundTrip(t, c)
		c.Inactive()
	})
}

package main

import (
	"fmt"
	"slices"
	"strings"
)

// scenario is one kind of load, and what the proxies are set up with for it.
type scenario struct {
	name        string
	core        bool // part of the default run
	all         bool // in a full run, measured on all cores too
	connections int
	path        string
	headers     []string // lines
	script      string   // Lua for wrk; "": none
	webSocket   bool
	idle        int // connections that only stay open; no load
	setup       setup
	promise     float64 // greatest ratio of sluice's CPU per request to the best peer's; 0: none
	most        float64 // greatest size of an idle connection of sluice, KiB; 0: no promise
	against     string  // the peer of the promise; "": the better of nginx and HAProxy
	without     []string
}

// setup is what a proxy is configured with besides the split.
type setup struct {
	tls       bool
	services  int // 0: one
	sticky    bool
	mirror    bool
	accessLog bool
	webSocket bool
}

// browser is what a browser sends, in twelve lines with Host.
var browser = []string{
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
	"Accept-Language: de-DE,de;q=0.8,en-US;q=0.5,en;q=0.3", "Accept-Encoding: gzip, deflate, br, zstd",
	"Referer: https://shop.example.com/catalogue?page=2", "Cookie: session=4f1d7a6e0c5b4b8e9a3d2c1b; theme=dark; consent=1",
	"Upgrade-Insecure-Requests: 1", "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin", "Priority: u=0, i",
}

const manyServices = 10_000

// alone is sluice with one service, in the scenario that compares it with many.
const alone = "sluice, one service"

func scenarios() []scenario {
	return []scenario{
		{name: "small", core: true, all: true, promise: 1.15},
		{name: "browser-headers", core: true, all: true, headers: browser, promise: 1.15},
		{name: "tls", core: true, all: true, headers: browser, setup: setup{tls: true}},
		{name: "1000-connections", core: true, all: true, connections: 1000},
		{name: "idle-connections", core: true, idle: 2000, most: 16},
		{name: "10KiB", path: "/10k"},
		{name: "1MiB", path: "/1m", connections: 16},
		{name: "post-1KiB", script: postScript},
		{name: "no-keep-alive", headers: []string{"Connection: close"}},
		{name: "websocket-echo", webSocket: true, setup: setup{webSocket: true}},
		{name: "10000-services", headers: []string{"Host: s5000.test"}, setup: setup{services: manyServices}, promise: 1.05, against: alone, without: []string{"caddy"}},
		{name: "10000-busy-services", script: hostScript, setup: setup{services: manyServices}, without: []string{"caddy"}},
		{name: "sticky-cookie", script: cookieScript, setup: setup{sticky: true}, without: []string{"caddy"}},
		{name: "mirror-100", setup: setup{mirror: true}, without: []string{"caddy", "haproxy"}},
		{name: "access-log", headers: browser, setup: setup{accessLog: true}, without: []string{"caddy"}},
	}
}

// chosen are the scenarios to run.
func chosen(o options) ([]scenario, error) {
	all := scenarios()
	if o.only == "" {
		return slices.DeleteFunc(all, func(s scenario) bool { return !s.core && !o.full }), nil
	}
	var some []scenario
	for name := range strings.SplitSeq(o.only, ",") {
		s := find(all, name)
		if s == nil {
			return nil, fmt.Errorf("no scenario is called %q", name)
		}
		some = append(some, *s)
	}
	return some, nil
}

// find returns nil if there is none of that name.
func find(all []scenario, name string) *scenario {
	i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// The scripts of wrk. Each request of the last two is another user's or service's.
const (
	postScript = `wrk.method = "POST"
wrk.body = string.rep("x", 1024)
wrk.headers["Content-Type"] = "application/octet-stream"
`
	hostScript = `math.randomseed(1)
request = function()
  return wrk.format("GET", "/", { ["Host"] = "s" .. math.random(0, 9999) .. ".test" })
end
`
	cookieScript = `math.randomseed(1)
request = function()
  return wrk.format("GET", "/", { ["Cookie"] = "split=" .. string.format("%022d", math.random(0, 2147483647)) .. "; server=one" })
end
`
)

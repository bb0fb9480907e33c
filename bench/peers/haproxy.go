package main

import (
	"fmt"
	"strings"
)

func configureHAProxy(w *wiring) (args, env []string, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, `global
  nbthread %d
  maxconn 8000
  log stdout format raw local0
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout tunnel 300s
  http-reuse always
frontend in
  bind %s%s
  option forwardfor
  http-request set-header X-Forwarded-Proto http
`, w.workers, w.listen, w.haproxyTLS())
	if w.accessLog {
		b.WriteString("  log global\n  option httplog\n")
	}
	hosts := w.hosts()
	if len(hosts) == 0 {
		b.WriteString("  default_backend shop\n")
		w.haproxyBackend(&b, "shop")
	} else if err := w.haproxyHosts(&b, hosts); err != nil {
		return nil, nil, err
	}
	path, err := w.write("haproxy.cfg", b.String())
	return []string{"-db", "-f", path}, nil, err
}

func (w *wiring) haproxyTLS() string {
	if w.tls {
		return " ssl crt " + w.both
	}
	return ""
}

func (w *wiring) haproxyBackend(b *strings.Builder, name string) {
	cookie, one, two := "", "", ""
	if w.sticky {
		cookie, one, two = "  cookie server insert indirect nocache\n", " cookie one", " cookie two"
	}
	fmt.Fprintf(b, "backend %s\n  balance roundrobin\n%s  server one %s weight 90%s\n  server two %s weight 10%s\n", name, cookie, w.one, one, w.two, two)
}

// haproxyHosts leads each host to a backend of its own, by a map.
func (w *wiring) haproxyHosts(b *strings.Builder, hosts []string) error {
	var hostMap strings.Builder
	for _, host := range hosts {
		fmt.Fprintf(&hostMap, "%s %s\n", host, host)
	}
	path, err := w.write("hosts.map", hostMap.String())
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "  use_backend %%[req.hdr(host),lower,map(%s)]\n", path)
	for _, host := range hosts {
		w.haproxyBackend(b, host)
	}
	return nil
}

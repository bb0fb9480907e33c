package main

import (
	"fmt"
	"os/user"
	"path/filepath"
	"strings"
)

// nginxFrame is what the backend and the peer have in common.
func nginxFrame(dir string, workers int, accessLog, servers string) string {
	name := "nobody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return fmt.Sprintf(`user %[5]s;
daemon off;
worker_processes %[2]d;
worker_rlimit_nofile 16384;
pid %[1]s/pid;
error_log %[1]s/error.log;
events { worker_connections 8192; }
http {
  access_log %[3]s;
  keepalive_requests 1000000000;
  keepalive_timeout 300;
  tcp_nodelay on;
  server_names_hash_max_size 65536;
  server_names_hash_bucket_size 128;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
%[4]s
}
`, dir, workers, accessLog, servers, name)
}

func configureNginx(w *wiring) (args, env []string, err error) {
	log := "off"
	if w.accessLog {
		log = filepath.Join(w.dir, "access.log") + " combined buffer=64k flush=1s"
	}
	key := "${request_id}"
	if w.sticky {
		key = "${cookie_split}"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  split_clients %q $version { 10%% two; * one; }\n", key)
	for name, address := range map[string]string{"one": w.one, "two": w.two} {
		fmt.Fprintf(&b, "  upstream %s { server %s; keepalive 1024; keepalive_requests 1000000000; }\n", name, address)
	}
	hosts := w.hosts()
	if len(hosts) == 0 {
		hosts = []string{"_"}
	}
	for _, host := range hosts {
		w.nginxServer(&b, host)
	}
	path, err := w.write("nginx.conf", nginxFrame(w.dir, w.workers, log, b.String()))
	return []string{"-e", filepath.Join(w.dir, "error.log"), "-c", path}, nil, err
}

func (w *wiring) nginxServer(b *strings.Builder, host string) {
	listen, pass, mirror, connection := w.listen, "$version", "", `""`
	if w.tls {
		listen += fmt.Sprintf(" ssl; ssl_certificate %s; ssl_certificate_key %s", w.cert, w.key)
	}
	if w.mirror {
		pass, mirror = "one", " mirror /mirror;"
	}
	if w.webSocket {
		connection = "upgrade; proxy_set_header Upgrade $http_upgrade"
	}
	const forward = `proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;`
	fmt.Fprintf(b, "  server {\n    listen %s; server_name %s;\n    location / { proxy_pass http://%s; %s proxy_set_header Connection %s;%s }\n",
		listen, host, pass, forward, connection, mirror)
	if w.mirror {
		fmt.Fprintf(b, "    location = /mirror { internal; proxy_pass http://two$request_uri; %s proxy_set_header Connection \"\"; }\n", forward)
	}
	b.WriteString("  }\n")
}

package smoke

import (
	"bufio"
	"net"
	"net/http"
	"testing"

	"sluice/config"
)

// An endpoint that wants a header before each connection's first byte gets it from the tests, too.
func TestPreambleGoesFirst(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan string, 2)
	ended := make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			br := bufio.NewReader(nc)
			line, _ := br.ReadString('\n')
			first <- line
			if _, err := http.ReadRequest(br); err == nil {
				_, _ = nc.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
			}
			nc.Close()
		}
	}()
	tests := []config.SmokeTest{{Name: "one", Endpoint: "/"}, {Name: "two", Endpoint: "/"}}
	for _, r := range RunAll(t.Context(), tests, []Target{{URL: "http://" + ln.Addr().String(), Preamble: []byte("PROXY UNKNOWN\r\n")}}) {
		if !r.OK {
			t.Errorf("%s: %s", r.Name, r.Message)
		}
		if got := <-first; got != "PROXY UNKNOWN\r\n" {
			t.Errorf("%s began with %q", r.Name, got)
		}
	}
}

package proxy

import (
	"bufio"
	"bytes"
	"net"
	"testing"

	"sluice/internal/backend"
	"sluice/router"
)

const browserHead = "GET /api/items?page=2 HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n" +
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nConnection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n\r\n"

func BenchmarkParseHead(b *testing.B) {
	raw := []byte(browserHead)
	var h head
	b.ReportAllocs()
	for b.Loop() {
		if r := parseHead(raw, &h, testLimits); r != nil {
			b.Fatal(r)
		}
	}
}

// plainWorld is a proxy before an upstream that allocates nothing per request.
func plainWorld(t testing.TB) *world {
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!")
	raw, err := backend.StartRaw(func(nc net.Conn, br *bufio.Reader) {
		for {
			for {
				line, err := br.ReadSlice('\n')
				if err != nil {
					return
				}
				if len(line) == 2 {
					break
				}
			}
			if _, err := nc.Write(answer); err != nil {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	return start(t, service{urls: map[string]string{"v1": raw.URL()}}, Settings{})
}

// roundTrip sends a request and reads its answer into buf, allocating nothing.
func roundTrip(t testing.TB, nc net.Conn, request, buf []byte) {
	if _, err := nc.Write(request); err != nil {
		t.Fatal(err)
	}
	for n := 0; !bytes.HasSuffix(buf[:n], []byte("Hello, world!")); {
		m, err := nc.Read(buf[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
}

func BenchmarkExchange(b *testing.B) {
	w := plainWorld(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		nc, err := net.Dial("tcp", w.addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer nc.Close()
		request, buf := []byte(browserHead), make([]byte, 4096)
		for pb.Next() {
			roundTrip(b, nc, request, buf)
		}
	})
}

// BenchmarkHead is what a browser's request head costs both ways: read and written on.
func BenchmarkHead(b *testing.B) {
	raw := []byte(browserHead)
	var h head
	p, o := peer{text: []byte("192.0.2.7"), port: []byte("443")}, outbound{via: "sluice", edit: &router.HeaderEdit{}, id: []byte("0123456789abcdef0123456789abcdef")}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		if r := parseHead(raw, &h, testLimits); r != nil {
			b.Fatal(r)
		}
		out = appendRequest(out[:0], &h, &p, &o)
	}
}

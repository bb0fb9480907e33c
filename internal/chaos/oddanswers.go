package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"sluice/internal/backend"
	"sluice/internal/trial"
)

// odd is a backend that no well-behaved server is, and what clients may see of it.
type odd struct {
	name  string
	serve func(c net.Conn, br *bufio.Reader)
	fine  func(s single) bool
	want  string
	idle  int // connections that are worth keeping, at most
}

// request reads the next head, and tells whether there was one.
func request(br *bufio.Reader) bool {
	req, err := http.ReadRequest(br)
	return err == nil && req != nil
}

// answersOnce serves each request of a connection by the same text, and closes if it is told to.
func answersOnce(text string, closing bool) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, br *bufio.Reader) {
		for request(br) {
			if _, err := io.WriteString(c, text); err != nil || closing {
				return
			}
		}
	}
}

// forever serves a request by the same text again and again, until nobody takes it any more.
func forever(text string, pause time.Duration) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, br *bufio.Reader) {
		if !request(br) {
			return
		}
		tick := time.NewTicker(max(pause, time.Nanosecond))
		defer tick.Stop()
		for {
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
			if pause > 0 {
				<-tick.C
			}
		}
	}
}

// secondReset answers the first request of a connection, and resets at the next.
func secondReset(c net.Conn, br *bufio.Reader) {
	if !request(br) {
		return
	}
	if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"); err != nil || !request(br) {
		return
	}
	_ = c.(*net.TCPConn).SetLinger(0) // else the close is an ordinary one
}

var odds = []odd{
	{"100 Continue for ever", forever("HTTP/1.1 100 Continue\r\n\r\n", 10*time.Millisecond), refused, "502 or 504 within 3s", 0},
	{"a flood of 103", forever(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", 100), 0), ended, "an end within 3s", 0},
	{"a head for ever", forever("X-More: "+strings.Repeat("x", 1000)+"\r\n", 0), refused, "502 or 504 within 3s", 0},
	{"ends after the head", answersOnce("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", true), func(s single) bool { return !s.whole && s.took < 3*time.Second }, "a broken answer, seen as one", 0},
	{"more than Content-Length", answersOnce("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nothers", false), hello, "the 5 bytes, each time", 0},
	{"resets at the second request", secondReset, hello, "200 each time", 40},
}

func refused(s single) bool {
	return (s.status == 502 || s.status == 504) && s.took < 3*time.Second
}

func ended(s single) bool { return s.status != 200 && s.took < 3*time.Second }

func hello(s single) bool { return s.status == 200 && s.whole && s.body == 5 }

// oddAnswers puts backends that break the protocol behind sluice, each alone.
func (l *lab) oddAnswers() error {
	for _, o := range odds {
		if err := l.oddAnswer(&o); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) oddAnswer(o *odd) error {
	b, err := backend.StartRaw(o.serve)
	if err != nil {
		return err
	}
	defer b.Close()
	p, err := l.start(shop("    timeouts: {connect: 500ms, response: 1s, idle: 2s}\n    retries: {attempts: 1}\n", b.URL()))
	if err != nil {
		return err
	}
	defer p.Kill()
	promise := "odd answers, " + o.name
	seen, good := l.asked(p, o)
	l.table.Judge(promise+": 40 requests", good, seen, o.want)
	l.empties(promise+": connections left", p, 5*time.Second)
	l.deserted(promise+": connections left to the backend", p, b, o.idle)
	in, err := p.Resources()
	l.table.Judge(promise+": most memory held", err == nil && in.Peak < 100<<20, fmt.Sprintf("%d MiB", in.Peak>>20), "< 100 MiB")
	s, err := p.Scrape(l.ctx)
	if err != nil {
		return err
	}
	trial.Equal(&l.table, promise+": panics", s.Sum("sluice_panics_total"), 0)
	return nil
}

// asked sends 40 requests on ten connections, and tells of the first that is not fine.
func (l *lab) asked(p *trial.Process, o *odd) (seen string, good bool) {
	results := make(chan []single, 10)
	for range 10 {
		go func() {
			var all []single
			for len(all) < 4 {
				all = append(all, fourOn(p.Listen, 4-len(all))...)
			}
			results <- all
		}()
	}
	for range 10 {
		for _, s := range <-results {
			seen = fmt.Sprintf("%d, %d bytes, whole %v after %v, %d interim", s.status, s.body, s.whole, s.took.Round(time.Millisecond), s.interim)
			if !o.fine(s) {
				return seen, false
			}
		}
	}
	return seen, true
}

// fourOn are up to n exchanges on one connection, as many as it lasts for; one at least.
func fourOn(address string, n int) (all []single) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return []single{{}}
	}
	defer c.Close()
	br := bufio.NewReader(c)
	for range n {
		begin := time.Now()
		_ = c.SetDeadline(begin.Add(8 * time.Second)) // an ended connection fails at the next write
		s := ask(c, br)
		s.took = time.Since(begin)
		all = append(all, s)
		if !s.whole || s.header.Get("Connection") == "close" {
			break
		}
	}
	return all
}

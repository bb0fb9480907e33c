package conformance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestGrid sends every hostile request through sluice to every foreign origin,
// with a marked request right behind it on the same connection and one of
// another client after it. Where proxy and origin had two ideas of where a
// request ends, an answer would go to the wrong request, or the origin would
// see one that sluice never forwarded.
func TestGrid(t *testing.T) {
	cases := grid()
	for _, f := range foreigners {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			origin := f.start(t)
			address, sluice := boot(t, origin.address, "")
			part := "grid: " + f.name
			tally.note(part, origin.version)
			r := &gridRun{address: address, origin: origin}
			for i := range cases {
				t.Run(cases[i].name, func(t *testing.T) {
					scored(t, part)
					r.try(t, i, &cases[i])
				})
			}
			sluice.end(syscall.SIGTERM)
			origin.stop()
			r.settle(t, cases)
			tally.note(part, fmt.Sprintf("%d refused by sluice, %d by the origin", r.refusedHere, r.refusedThere))
		})
	}
}

// gridRun is the grid before one origin.
type gridRun struct {
	address                   string
	origin                    *foreign
	read                      int // bytes of the origin's log that earlier cases have seen
	refusedHere, refusedThere int
}

func (r *gridRun) try(t testing.TB, i int, h *hostile) {
	r.read = len(r.origin.seen())
	next := number("GET /N/next", i)
	c := dial(t, r.address)
	go func() {
		// Answers may come, and the connection end, before all of it is sent.
		_, _ = io.WriteString(c.Conn, h.raw+next+" HTTP/1.1\r\nHost: a\r\n\r\n")
	}()
	switch h.want {
	case refused:
		r.refuses(t, c, h)
	case passed:
		if a := r.answers(t, c, h); a != nil && a.close && h.streams() {
			c.closed()
		} else {
			r.marker(t, c, next)
		}
	case last:
		r.answers(t, c, h)
		c.closed()
	case waits:
		r.silence(t, c, h)
	}
	c.Close()
	victim := number("GET /N/victim", i)
	v := dial(t, r.address).send("%s HTTP/1.1\r\nHost: a\r\n\r\n", victim)
	r.marker(t, v, victim)
	v.Close()
	r.compare(t, i, h, victim)
}

// streams reports whether sluice may send the head on before it has seen the
// end of the body. An origin may then answer early, which ends the client's
// connection, as what it still sends can't be told from a next request.
func (h *hostile) streams() bool {
	return len(h.raw) > 2048 || strings.Contains(strings.ToLower(h.raw), "chunked\r\n")
}

// early reports whether a is the origin's answer to a request whose body it did
// not wait for.
func (h *hostile) early(a *answer) bool { return h.streams() && a.close && sawOf(a) == h.sees }

// silence asserts that no answer comes but one that ends the connection.
func (r *gridRun) silence(t testing.TB, c *client, h *hostile) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) // nothing comes, so there is nothing to wait for but time
	a, err := c.tryReceive("POST")
	var ne net.Error
	switch {
	case err == nil && a.close && (a.status == 413 || sawOf(a) == h.sees): // too much for the origin, or it answers early
	case err == nil:
		t.Errorf("got an answer to half a request: %s", a.head)
	case !errors.As(err, &ne) || !ne.Timeout():
		t.Errorf("the connection ended: %v", err)
	}
}

// refuses asserts that sluice itself says no, and closes.
func (r *gridRun) refuses(t testing.TB, c *client, h *hostile) {
	t.Helper()
	a, err := c.tryReceive("POST")
	switch {
	case err != nil:
		t.Errorf("no answer: %v", err)
	case h.early(a):
		c.closed()
	case a.status < 400 || a.header.Get("X-Saw") != "":
		t.Errorf("not refused: %s", a.head)
	case a.status >= 500 && a.status != 501 && a.status != 505:
		t.Errorf("refused by %d, which blames the server", a.status)
	default:
		r.refusedHere++
		c.closed()
	}
}

// answers asserts that the origin answered the request, as it was sent. An
// origin may be stricter than sluice.
func (r *gridRun) answers(t testing.TB, c *client, h *hostile) *answer {
	t.Helper()
	method, _, _ := strings.Cut(h.sees, " ")
	a, err := final(c, method)
	if err != nil {
		t.Errorf("no answer: %v", err)
		return nil
	}
	saw := sawOf(a)
	switch {
	case saw == "" && h.sees == "OPTIONS *": // answered before it reads our rule
	case saw == "" && a.status >= 400 && a.header.Get("Proxy-Status") == "":
		r.refusedThere++
	case saw != h.sees:
		t.Errorf("the origin saw %q, want %q, and answered\n%s", saw, h.sees, a.head)
	case a.status < 300:
		if body := a.header.Get("X-Body"); body != "" && body != strconv.Itoa(h.body) {
			t.Errorf("the origin saw %s bytes of content, want %d", body, h.body)
		}
	}
	return a
}

func (r *gridRun) marker(t testing.TB, c *client, want string) {
	t.Helper()
	a, err := final(c, "GET")
	if err != nil {
		t.Errorf("no answer to %s: %v", want, err)
	} else if saw := sawOf(a); saw != want {
		t.Errorf("the answer to %s is for %q: %s", want, saw, a.head)
	}
}

// final skips interim answers.
func final(c *client, method string) (*answer, error) {
	for {
		if a, err := c.tryReceive(method); err != nil || a.status >= 200 {
			return a, err
		}
	}
}

// sawOf is the request that the origin answered. Apache tells the whole line.
func sawOf(a *answer) string {
	fields := strings.Fields(a.header.Get("X-Saw"))
	switch {
	case len(fields) == 4 && fields[0] == fields[1]:
		return fields[1] + " " + fields[2]
	case len(fields) == 4: // HEAD, which Apache turns into GET inside
		return fields[1] + " " + fields[2]
	}
	return strings.Join(fields, " ")
}

// compare asserts that the origin saw of this case what sluice forwarded, and
// nothing else. In which order is told by the answers: logs are written later.
func (r *gridRun) compare(t testing.TB, i int, h *hostile, victim string) {
	t.Helper()
	var lines []string
	if !eventually(func() bool {
		lines = requestsIn(r.origin.seen()[r.read:])
		return slices.Contains(lines, victim)
	}) {
		t.Errorf("the origin never saw %s, only %q", victim, lines)
	}
	allowed := h.allowed(i)
	for _, line := range lines {
		if strings.Contains(line, number("/N", i)) && !slices.Contains(allowed, line) {
			t.Errorf("the origin saw %q, which was not sent to it", line)
		}
	}
}

// allowed is what the origin may see of a case, in order.
func (h *hostile) allowed(i int) []string {
	next, victim := number("GET /N/next", i), number("GET /N/victim", i)
	switch h.want {
	case passed:
		return []string{h.sees, next, victim}
	case last, waits:
		return []string{h.sees, victim}
	}
	if strings.Contains(h.raw, "chunked\r\n") {
		return []string{h.sees, victim} // a body may turn out broken when its head has gone
	}
	return []string{victim}
}

var requestLine = regexp.MustCompile(`^"?([^ "\n]+) ([^ "\n]+)`)

// requestsIn are the requests in an origin's log. What an origin could not read
// at all it logs without a method or target.
func requestsIn(log string) []string {
	var all []string
	for line := range strings.Lines(log) {
		if m := requestLine.FindStringSubmatch(line); m != nil && (m[2][0] == '/' || m[2] == "*") {
			all = append(all, m[1]+" "+m[2])
		}
	}
	return all
}

// settle looks, once everything has ended, for what came too late to be seen
// with its case.
func (r *gridRun) settle(t *testing.T, cases []hostile) {
	t.Helper()
	allowed := map[string]bool{}
	for i := range cases {
		for _, line := range cases[i].allowed(i) {
			allowed[line] = true
		}
	}
	seen := map[string]int{}
	for _, line := range requestsIn(r.origin.seen()) {
		if seen[line]++; !allowed[line] && line != "OPTIONS *" {
			t.Errorf("the origin saw %q, which was never forwarded", line)
		} else if seen[line] > 1 && line != "OPTIONS *" {
			t.Errorf("the origin saw %q more than once", line)
		}
	}
}

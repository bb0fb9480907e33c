package proxy

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"sluice/analysis"
	"sluice/router"
)

// exchange is one request and its answer. It is pooled with its buffers, so
// that an idle connection holds none of them and a request allocates nothing.
// It belongs to its connection's goroutine, but for what upload says.
type exchange struct {
	c        *clientConn
	st       *Settings
	now      int64 // the clock as last read
	began    int64 // when the head was there
	h        head
	headBuf  []byte
	pathBuf  []byte
	idBuf    [32]byte
	req      router.Request
	client   netip.Addr
	route    *router.Route
	svc      *router.Service
	choice   router.Choice
	out      outbound
	message  []byte  // the head as upstreams get it, and after it the body if whole
	headLen  int     // of message
	body     body    // the client's, as far as it has not been gathered
	small    []byte  // what has been gathered of it
	whole    bool    // small is all of it, or there is none
	expects  bool    // the client waits for 100 (Continue)
	up       *upload // nil: the body is whole
	try      try
	wait     *dialContext // nil: none is kept
	ans      answerHead
	deliver  delivery
	answer   body
	wbuf     []byte // to the client
	begun    bool   // something of a final answer went out
	record   logEntry
	bytes    int64 // of the answer's body sent to the client
	status   int   // sent to the client
	refused  *refusal
	tries    int
	copied   *mirrorCopy // for the mirror; nil: none, or sent
	preview  bool        // for the service's candidate
	injected string      // what an injection did to it; "": nothing
	lingers  bool        // the client's connection ends, with something unread
	pair     *pair       // stable's answer is compared with the copy's; nil: no, or it has been handed over
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// Buffers larger than this are not kept between exchanges.
const keepBuffer = 64 << 10

// release forgets the request and keeps the buffers.
func (x *exchange) release() {
	headBuf, pathBuf, message, small, wbuf := kept(x.headBuf), kept(x.pathBuf), kept(x.message), kept(x.small), kept(x.wbuf)
	h, ans, trailers, wait := x.h.fieldSet, x.ans.fieldSet, x.answer.trailers[:0], x.wait
	h.reset()
	ans.reset()
	*x = exchange{headBuf: headBuf, pathBuf: pathBuf, message: message, small: small, wbuf: wbuf}
	x.h.fieldSet, x.ans.fieldSet, x.answer.trailers, x.wait = h, ans, trailers, wait
	exchanges.Put(x)
}

func kept(b []byte) []byte {
	if cap(b) > keepBuffer {
		return nil
	}
	return b[:0]
}

// run serves one request. It returns whether the connection may carry another.
func (x *exchange) run() bool {
	keep := x.serve()
	x.logLine()
	if x.lingers {
		x.c.linger()
	}
	return keep
}

func (x *exchange) serve() bool {
	if err := x.receive(); err != nil {
		return x.refuse(err)
	}
	if err := x.match(); err != nil {
		return x.refuse(err)
	}
	if x.route == nil {
		x.c.server.counts.unrouted.Add(1)
		return x.answerLocal(answerNoRoute)
	}
	mirror := x.mirrored()
	if err := x.gather(mirror); err != nil {
		return x.refuse(err)
	}
	if !x.choose() {
		return x.answerLocal(answerNoPreview)
	}
	x.compose(mirror)
	return x.attempts()
}

// receive reads and parses the head.
func (x *exchange) receive() error {
	var err error
	if x.headBuf, err = x.c.readHead(x.headBuf); err != nil {
		return err
	}
	x.began = analysis.Now()
	x.now = x.began
	if r := parseHead(x.headBuf, &x.h, headLimits{fields: x.st.MaxHeaders, underscores: x.st.Underscores}); r != nil {
		return r
	}
	kind := noBody
	switch {
	case x.h.chunked:
		kind = chunkedBody
	case x.h.contentLength > 0:
		kind = fixedBody
	}
	x.body.start(&x.c.src, kind, x.h.contentLength)
	if x.h.expect != nil && x.h.minor == 1 {
		if !equalFold(x.h.expect, "100-continue") {
			return refuseExpect
		}
		// A client that sends its body at once does not wait.
		x.expects = x.h.hasBody() && x.c.src.br.Buffered() == 0
	}
	return nil
}

// match leads the request to its route, on one table to the end.
func (x *exchange) match() error {
	table := x.c.server.live.Load()
	clean := true
	if x.h.target[0] == '*' {
		x.pathBuf = append(x.pathBuf[:0], '/')
		x.req.Path = x.pathBuf
	} else {
		x.req.Path, clean = router.Normalize(x.pathBuf[:0], x.h.path)
		x.pathBuf = x.req.Path
	}
	x.client = clientOf(&x.h, &x.c.peer, x.st.trusts)
	x.req.Method, x.req.Host, x.req.Query = x.h.method, x.h.host, x.h.query
	x.req.Fields, x.req.ClientIP, x.req.Rand = x.h.fields, x.client, rand.Uint64()
	x.req.Replayable = x.h.idempotent() && !x.h.hasBody()
	x.route = x.lead(table)
	if !clean && (x.route == nil || !x.route.AllowRawPath) {
		return refuseRawPath
	}
	if x.route == nil {
		return nil
	}
	x.svc = x.route.Service
	if m := x.svc.Policy.MaxBody; m > 0 && x.h.contentLength > m {
		return refuseTooLarge
	}
	return nil
}

// lead finds the route, and whether the request is a preview: by its listener, or
// by what the service's rollout says.
func (x *exchange) lead(table *router.Table) *router.Route {
	if service := x.c.socket.preview.Load(); service != nil {
		x.preview = true
		return table.Preview(*service, &x.req)
	}
	rt := table.Match(&x.req)
	x.preview = rt != nil && rt.Service.Previews(&x.req)
	return rt
}

// mirrored returns the service's mirror if this request is to be copied. A
// preview is not: the candidate has it already.
func (x *exchange) mirrored() *router.Mirror {
	m := x.svc.Policy.Mirror
	if m == nil || x.preview || !x.c.server.mirrors.wants(m, x.h.method, x.req.Rand) {
		return nil
	}
	return m
}

// choose reports false for a preview whose candidate takes no requests.
func (x *exchange) choose() bool {
	x.req.Replayable = x.h.idempotent() && x.whole
	if x.preview {
		return x.svc.PickCandidate(&x.req, &x.choice)
	}
	x.svc.Pick(&x.req, &x.choice)
	x.choice.Shield = x.choice.Shield && x.req.Replayable
	return true
}

// compose serialises the request and makes the mirror's copy, before the
// primary starts.
func (x *exchange) compose(mirror *router.Mirror) {
	o := &x.out
	o.via, o.edit = x.st.Via, &x.svc.Policy.Request
	o.id = requestID(&x.h, &x.idBuf)
	o.upgrade = x.h.upgrades()
	o.expect = x.expects
	switch {
	case x.whole:
		o.framing, o.length = noBody, int64(len(x.small))
		if len(x.small) > 0 {
			o.framing = fixedBody
		}
	case x.h.chunked:
		o.framing = chunkedBody
	default:
		o.framing, o.length = fixedBody, x.h.contentLength
	}
	x.message = appendRequest(x.message[:0], &x.h, &x.c.peer, o)
	x.headLen = len(x.message)
	if mirror != nil {
		x.copyTo(mirror)
	}
	if x.whole {
		x.message = append(x.message, x.small...)
	}
}

func (x *exchange) copyTo(mirror *router.Mirror) {
	m := x.c.server.mirrors
	switch {
	case x.out.upgrade:
		m.skip(mirror, x.svc.Name, "upgrade")
	case !x.whole:
		m.skip(mirror, x.svc.Name, "body_too_large")
	default:
		x.copied = m.take(mirror, x.svc.Name, x.message, x.small)
		if x.copied != nil && mirror.Compare {
			x.compareTo(mirror)
		}
	}
}

// sendCopy lets the mirror's copy go, once the request itself has gone or will
// not: its sender is not to run before.
func (x *exchange) sendCopy() {
	if x.copied != nil {
		x.c.server.mirrors.put(x.copied)
		x.copied = nil
	}
}

// refuse answers a request that can't be served, and closes: where one message
// was not understood, the next can't be found either.
func (x *exchange) refuse(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return false // the client left, or the server ends
	}
	x.now = analysis.Now()
	x.c.server.counts.refuse(r)
	x.refused = r
	return x.answerLocal(forRefusal(r))
}

// answerLocal sends an answer of the proxy's own. It returns whether the
// connection may live on: not if something of the request is still unread.
func (x *exchange) answerLocal(a localAnswer) bool {
	keep := x.refused == nil && x.h.persistent() && x.body.done && x.c.server.keeps(x.now)
	x.status = a.status
	var n int
	x.wbuf, n = appendLocal(x.wbuf[:0], a, &x.h, keep)
	if x.c.out.write(x.wbuf, x.now) != nil {
		return false
	}
	x.bytes += int64(n)
	x.lingers = !keep && (x.refused != nil || !x.drained())
	return keep
}

// logLine writes the access log.
func (x *exchange) logLine() {
	l := x.c.server.log
	if l == nil || x.status == 0 && x.began == 0 {
		return
	}
	took := time.Duration(0)
	if x.began != 0 {
		took = time.Duration(analysis.Now() - x.began)
	}
	e := &x.record
	*e = logEntry{
		Time: time.Now().Add(-took), Duration: took, Client: x.client, Method: x.h.method, Host: x.h.host,
		Target: x.h.target, RequestID: x.out.id, UserAgent: x.h.value(kindUserAgent), Referer: x.h.value(kindReferer),
		Proto: proto(x.h.minor), Status: x.status, BytesIn: x.body.total, BytesOut: x.bytes, Attempts: x.tries,
	}
	if !e.Client.IsValid() {
		e.Client = x.c.peer.addr
	}
	if x.refused != nil {
		e.Refusal = x.refused.reason
	}
	if x.svc != nil && x.choice.Version != nil {
		e.Service, e.Version, e.Why = x.svc.Name, x.choice.Version.Name, x.choice.Why.String()
	}
	x.try.log(e)
	if x.injected != "" {
		e.Outcome = "injected"
	}
	l.write(e)
}

func proto(minor int) string {
	if minor == 0 {
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}

package proxy

import (
	"strconv"

	"sluice/router"
)

// delivery is how an answer goes to the client.
type delivery struct {
	framing   framing
	isHead    bool
	keep      bool // the client's connection lives on
	minor     int  // of the client's HTTP/1.minor
	upgrade   bool // 101
	via       string
	edit      *router.HeaderEdit
	cookie    string // name of the sticky cookie to set; "": none
	cookieKey *[22]byte
	secure    bool // the client came by TLS
	injected  string
}

// deliveryFraming is how a body framed so by the upstream goes to a client of
// HTTP/1.minor: one of HTTP/1.0 can't read chunks, and one of 1.1 need not lose
// its connection where the upstream's ends with the body.
func deliveryFraming(f framing, minor int) framing {
	switch {
	case minor == 0 && f == chunkedBody:
		return closeBody
	case minor == 1 && f == closeBody:
		return chunkedBody
	}
	return f
}

// appendAnswer serialises a for the client: fields as received, minus
// hop-by-hop ones, plus ours.
func appendAnswer(dst []byte, a *answerHead, d *delivery) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(a.status), 10)
	dst = append(append(dst, ' '), a.reason...)
	dst = append(dst, "\r\n"...)
	dst = a.appendLines(dst, func(i int) bool { return a.forwards(i, d) })
	dst = appendAnswerFraming(dst, a, d)
	if d.via != "" {
		dst = append(append(append(dst, "Via: 1."...), byte('0'+a.minor), ' '), d.via...)
		dst = append(dst, "\r\n"...)
	}
	dst = appendSet(dst, d.edit)
	if d.cookie != "" {
		dst = appendCookie(dst, d)
	}
	dst = appendInjected(dst, d.injected)
	return append(dst, "\r\n"...)
}

func (a *answerHead) forwards(i int, d *delivery) bool {
	switch a.kinds[i] {
	case kindHop, kindConnection, kindTransferEncoding, kindContentLength, kindTE, kindUpgrade:
		return false
	case kindTrailer:
		return d.framing == chunkedBody && a.chunked
	}
	if len(a.listed) > 0 && a.isListed(i) {
		return false
	}
	return !edits(d.edit, a.fields[i].Name)
}

func appendAnswerFraming(dst []byte, a *answerHead, d *delivery) []byte {
	informs := d.isHead || a.status == 304 // a length that no body follows
	switch {
	case d.framing == chunkedBody:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case a.contentLength >= 0 && a.status >= 200 && a.status != 204 && (informs || d.framing != closeBody):
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, a.contentLength, 10)
		dst = append(dst, "\r\n"...)
	}
	if a.status == 426 && len(a.upgrade) > 0 {
		// It must say what to upgrade to (RFC 9110, 15.5.22).
		dst = append(append(dst, "Connection: Upgrade\r\nUpgrade: "...), a.upgrade...)
		dst = append(dst, "\r\n"...)
	}
	switch {
	case d.upgrade:
		dst = append(append(dst, "Connection: Upgrade\r\nUpgrade: "...), a.upgrade...)
		dst = append(dst, "\r\n"...)
	case !d.keep:
		dst = append(dst, "Connection: close\r\n"...)
	case d.minor == 0:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return dst
}

// appendCookie sets the sticky cookie: a random key of the client, never a
// version's name (contract, "Version states").
func appendCookie(dst []byte, d *delivery) []byte {
	dst = append(append(append(dst, "Set-Cookie: "...), d.cookie...), '=')
	dst = append(append(dst, d.cookieKey[:]...), "; Path=/; HttpOnly; SameSite=Lax"...)
	if d.secure {
		dst = append(dst, "; Secure"...)
	}
	return append(dst, "\r\n"...)
}

// appendInterim serialises a 1xx answer for the client.
func appendInterim(dst []byte, a *answerHead) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(a.status), 10)
	dst = append(append(dst, ' '), a.reason...)
	dst = append(dst, "\r\n"...)
	dst = a.appendLines(dst, func(i int) bool {
		return (a.kinds[i] == plain || a.kinds[i] == kindVia) && (len(a.listed) == 0 || !a.isListed(i))
	})
	return append(dst, "\r\n"...)
}

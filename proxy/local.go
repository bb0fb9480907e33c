package proxy

import (
	"bytes"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// localAnswer is an answer that the proxy makes itself. It tells the client
// nothing of upstreams beyond the kind of failure (RFC 9209).
type localAnswer struct {
	status     int
	errorType  string // Proxy-Status error; "" sends no error parameter
	retryAfter bool   // Retry-After: 1
	injected   string // what was injected; "": nothing, the answer is meant
	detail     string // a sentence more in the body; it needs no escaping in JSON
}

// Answers of the proxy itself; never written.
var (
	answerNoRoute     = localAnswer{status: 404, errorType: "destination_not_found"}
	answerNoEndpoint  = localAnswer{status: 503, errorType: "destination_unavailable", retryAfter: true}
	answerOverLimit   = localAnswer{status: 503, errorType: "connection_limit_reached", retryAfter: true}
	answerExhausted   = localAnswer{status: 503, errorType: "proxy_internal_error", retryAfter: true}
	answerRefused     = localAnswer{status: 502, errorType: "connection_refused"}
	answerConnTimeout = localAnswer{status: 504, errorType: "connection_timeout"}
	answerTerminated  = localAnswer{status: 502, errorType: "connection_terminated"}
	answerBadResponse = localAnswer{status: 502, errorType: "http_protocol_error"}
	answerTimeout     = localAnswer{status: 504, errorType: "http_response_timeout"}
	answerNoPreview   = localAnswer{status: 503, errorType: "destination_unavailable", retryAfter: true,
		detail: "This is a preview, and the version that it shows takes no requests now."}
	answerStopping = localAnswer{status: 503, errorType: "destination_unavailable", retryAfter: true}
)

// forRefusal is the answer to a request that was refused.
func forRefusal(r *refusal) localAnswer {
	if r == refuseSlowHead || r == refuseSlowBody {
		return localAnswer{status: r.status, errorType: "http_request_error"}
	}
	if r.status == 413 || r.status == 417 || r.status == 501 {
		return localAnswer{status: r.status, errorType: "http_request_denied"}
	}
	return localAnswer{status: r.status, errorType: "http_request_error"}
}

// appendLocal serialises the answer whole, body included unless the request
// was a HEAD. It returns the length of the body too. fasthttp's ResponseHeader
// would do it as well, but for the goroutine that it starts for the date, which
// never ends.
func appendLocal(dst []byte, a localAnswer, h *head, keep bool) (out []byte, bodyBytes int) {
	reason := fasthttp.StatusMessage(a.status)
	dst = append(strconv.AppendInt(append(dst, "HTTP/1.1 "...), int64(a.status), 10), ' ')
	dst = append(append(dst, reason...), "\r\nDate: "...)
	dst = append(fasthttp.AppendHTTPDate(dst, time.Now()), "\r\n"...)
	if a.errorType != "" {
		dst = append(append(dst, "Proxy-Status: sluice; error="...), a.errorType...)
		if a.injected != "" {
			dst = append(dst, `; details="injected fault"`...)
		}
		dst = append(dst, "\r\n"...)
	}
	dst = appendInjected(dst, a.injected)
	if a.retryAfter {
		dst = append(dst, "Retry-After: 1\r\n"...)
	}
	if !keep {
		dst = append(dst, "Connection: close\r\n"...)
	} else if h.minor == 0 {
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	mime, text := localBody(a, reason, prefersJSON(h.value(kindAccept)))
	dst = append(append(append(dst, "Cache-Control: no-store\r\nContent-Type: "...), mime...), "\r\nContent-Length: "...)
	dst = append(strconv.AppendInt(dst, int64(len(text)), 10), "\r\n\r\n"...)
	if h.isHead() {
		return dst, 0
	}
	return append(dst, text...), len(text)
}

func localBody(a localAnswer, reason string, asJSON bool) (mime, text string) {
	code, detail := strconv.Itoa(a.status), a.detail
	if asJSON {
		if detail != "" {
			detail = `,"detail":"` + detail + `"`
		}
		return "application/problem+json", `{"title":"` + reason + `","status":` + code + detail + "}\n"
	}
	if detail != "" {
		detail += "\n"
	}
	return "text/plain; charset=utf-8", code + " " + reason + "\n" + detail
}

// prefersJSON reports whether an Accept value names JSON before plain text or HTML.
func prefersJSON(accept []byte) bool {
	for e, rest, ok := nextToken(accept); ok; e, rest, ok = nextToken(rest) {
		if i := bytes.IndexByte(e, ';'); i >= 0 {
			e = trim(e[:i])
		}
		switch {
		case equalFold(e, "application/json"), equalFold(e, "application/problem+json"):
			return true
		case hasPrefixFold(e, "text/"):
			return false
		}
	}
	return false
}

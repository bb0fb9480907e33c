package proxy

import (
	"bytes"
	"strconv"

	"github.com/valyala/fasthttp"
)

// localAnswer is an answer that the proxy makes itself. It tells the client
// nothing of upstreams beyond the kind of failure (RFC 9209).
type localAnswer struct {
	status     int
	errorType  string // Proxy-Status error; "" sends no error parameter
	retryAfter bool   // Retry-After: 1
}

// Answers of the proxy itself; never written.
var (
	answerNoRoute     = localAnswer{404, "destination_not_found", false}
	answerNoEndpoint  = localAnswer{503, "destination_unavailable", true}
	answerOverLimit   = localAnswer{503, "connection_limit_reached", true}
	answerRefused     = localAnswer{502, "connection_refused", false}
	answerConnTimeout = localAnswer{504, "connection_timeout", false}
	answerTerminated  = localAnswer{502, "connection_terminated", false}
	answerBadResponse = localAnswer{502, "http_protocol_error", false}
	answerTimeout     = localAnswer{504, "http_response_timeout", false}
	answerInternal    = localAnswer{500, "proxy_internal_error", false}
	answerStopping    = localAnswer{503, "destination_unavailable", true}
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
// was a HEAD. It returns the length of the body too.
func appendLocal(dst []byte, a localAnswer, h *head, keep bool) (out []byte, bodyBytes int) {
	var resp fasthttp.ResponseHeader
	resp.SetStatusCode(a.status)
	reason := fasthttp.StatusMessage(a.status)
	var text []byte
	if prefersJSON(h.value(kindAccept)) {
		resp.SetContentType("application/problem+json")
		text = append(text, `{"title":"`...)
		text = append(append(text, reason...), `","status":`...)
		text = append(strconv.AppendInt(text, int64(a.status), 10), "}\n"...)
	} else {
		resp.SetContentType("text/plain; charset=utf-8")
		text = append(strconv.AppendInt(text, int64(a.status), 10), ' ')
		text = append(append(text, reason...), '\n')
	}
	if a.errorType != "" {
		resp.Set("Proxy-Status", "sluice; error="+a.errorType)
	}
	if a.retryAfter {
		resp.Set("Retry-After", "1")
	}
	if !keep {
		resp.Set("Connection", "close")
	} else if h.minor == 0 {
		resp.Set("Connection", "keep-alive")
	}
	resp.Set("Cache-Control", "no-store")
	resp.SetContentLength(len(text))
	dst = resp.AppendBytes(dst)
	if h.isHead() {
		return dst, 0
	}
	return append(dst, text...), len(text)
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

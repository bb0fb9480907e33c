package proxy

import "bytes"

// answerHead is the head of an upstream's answer. Its slices point into the
// connection's read buffer and hold until the next read.
type answerHead struct {
	fieldSet
	status int
	reason []byte
	minor  int
}

// maxAnswerFields bounds the lines of an answer's head.
const maxAnswerFields = 256

// parseAnswer reads a whole answer head, empty line included, under the same
// framing rules as requests: what is unclear from an upstream is refused too.
func parseAnswer(b []byte, a *answerHead) *refusal {
	a.fieldSet.reset()
	n := bytes.IndexByte(b, '\n')
	if n < 1 || b[n-1] != '\r' {
		return refuseBareLF
	}
	if !a.statusLine(b[:n-1]) {
		return refuseStatus
	}
	if r := a.scan(b[n+1:], maxAnswerFields, true); r != nil {
		return r
	}
	if a.minor == 0 && a.encodings > 0 {
		return refuseEncoding
	}
	return nil
}

// statusLine accepts "HTTP/1.x NNN" with or without a reason.
func (a *answerHead) statusLine(b []byte) bool {
	if len(b) < 12 || string(b[:7]) != "HTTP/1." || b[7] > '1' || b[7] < '0' || b[8] != ' ' {
		return false
	}
	a.minor = int(b[7] - '0')
	if !isDigit(b[9]) || !isDigit(b[10]) || !isDigit(b[11]) || b[9] == '0' {
		return false
	}
	a.status = int(b[9]-'0')*100 + int(b[10]-'0')*10 + int(b[11]-'0')
	a.reason = nil
	if len(b) > 12 {
		a.reason = b[13:]
		return b[12] == ' ' && isValue(a.reason)
	}
	return true
}

// interim reports a 1xx answer: never the final one, but for 101.
func (a *answerHead) interim() bool { return a.status < 200 && a.status != 101 }

// reusable reports whether the upstream lets the connection live on. One that
// frames a body for a 204, which has none, may well send it (RFC 9112, 6.3).
func (a *answerHead) reusable() bool {
	if a.status == 204 && (a.chunked || a.contentLength > 0) {
		return false
	}
	if a.minor == 0 {
		return a.keepAlive && !a.close
	}
	return !a.close
}

// framing of the answer's body to a request with the given method (RFC 9112, 6.3).
func (a *answerHead) framing(isHead bool) framing {
	switch {
	case isHead || a.status < 200 || a.status == 204 || a.status == 304:
		return noBody
	case a.chunked:
		return chunkedBody
	case a.contentLength == 0:
		return noBody
	case a.contentLength > 0:
		return fixedBody
	}
	return closeBody
}

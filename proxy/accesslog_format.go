package proxy

import (
	"net/netip"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// logFieldBytes cuts a field that a client chose.
const logFieldBytes = 8 << 10

const hexDigits = "0123456789abcdef"

// appendJSONLine appends e as one line of JSON. All fields are always there.
func appendJSONLine(b []byte, e *logEntry) []byte {
	b = append(b, `{"time":"`...)
	b = appendLogTime(b, e.Time)
	b = append(b, `","duration_us":`...)
	b = strconv.AppendInt(b, e.Duration.Microseconds(), 10)
	b = append(b, `,"client":"`...)
	b = appendClient(b, e.Client)
	b = appendJSON(append(b, `","method":"`...), e.Method)
	b = appendJSON(append(b, `","host":"`...), e.Host)
	b = appendJSON(append(b, `","target":"`...), e.Target)
	b = appendJSON(append(b, `","proto":"`...), e.Proto)
	b = strconv.AppendInt(append(b, `","status":`...), int64(e.Status), 10)
	b = strconv.AppendInt(append(b, `,"bytes_in":`...), e.BytesIn, 10)
	b = strconv.AppendInt(append(b, `,"bytes_out":`...), e.BytesOut, 10)
	b = appendJSON(append(b, `,"service":"`...), e.Service)
	b = appendJSON(append(b, `","version":"`...), e.Version)
	b = appendJSON(append(b, `","endpoint":"`...), e.Endpoint)
	b = appendJSON(append(b, `","why":"`...), e.Why)
	b = strconv.AppendInt(append(b, `","attempts":`...), int64(e.Attempts), 10)
	b = strconv.AppendInt(append(b, `,"upstream_us":`...), e.Upstream.Microseconds(), 10)
	b = appendJSON(append(b, `,"outcome":"`...), e.Outcome)
	b = appendJSON(append(b, `","refusal":"`...), e.Refusal)
	b = appendJSON(append(b, `","request_id":"`...), e.RequestID)
	b = appendJSON(append(b, `","user_agent":"`...), e.UserAgent)
	b = appendJSON(append(b, `","referer":"`...), e.Referer)
	return append(b, '"', '}', '\n')
}

// appendCombinedLine appends e in Apache's combined log format:
// client - - [time] "request" status bytes "referer" "user agent".
func appendCombinedLine(b []byte, e *logEntry) []byte {
	if e.Client.IsValid() {
		b = appendClient(b, e.Client)
	} else {
		b = append(b, '-')
	}
	b = append(b, " - - ["...)
	b = e.Time.UTC().AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `] "`...)
	if len(e.Method) == 0 { // the head was not understood
		b = append(b, '-')
	} else {
		b = append(appendApache(b, e.Method), ' ')
		b = append(appendApache(b, e.Target), ' ')
		b = appendApache(b, e.Proto)
	}
	b = append(b, `" `...)
	if e.Status < 100 {
		b = append(b, "000"...)
	} else {
		b = strconv.AppendInt(b, int64(e.Status), 10)
	}
	b = append(b, ' ')
	if e.BytesOut == 0 {
		b = append(b, '-')
	} else {
		b = strconv.AppendInt(b, e.BytesOut, 10)
	}
	b = append(b, ` "`...)
	b = appendApacheOrDash(b, e.Referer)
	b = append(b, `" "`...)
	b = appendApacheOrDash(b, e.UserAgent)
	return append(b, '"', '\n')
}

func appendClient(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return b
	}
	return a.WithZone("").AppendTo(b) // a zone is the network's text, and of no use in a log
}

// appendLogTime appends RFC 3339 in UTC with microseconds. Half the cost of
// AppendFormat, which walks its layout.
func appendLogTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = append(b, byte('0'+year/1000%10), byte('0'+year/100%10))
	b = append(appendTwo(b, year%100), '-')
	b = append(appendTwo(b, int(month)), '-')
	b = append(appendTwo(b, day), 'T')
	b = append(appendTwo(b, hour), ':')
	b = append(appendTwo(b, minute), ':')
	b = append(appendTwo(b, second), '.')
	us := t.Nanosecond() / 1000
	b = appendTwo(b, us/10000)
	b = appendTwo(b, us/100%100)
	return append(appendTwo(b, us%100), 'Z')
}

func appendTwo(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

// appendJSON appends the inside of a JSON string. Control bytes, characters
// that do not print (line separators, direction marks, C1 controls) and invalid
// UTF-8 come out escaped, so that a line stays one line in any reader.
func appendJSON[T string | []byte](b []byte, s T) []byte {
	s = cut(s)
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		if c < utf8.RuneSelf {
			b = appendJSONByte(b, c)
			i++
		} else {
			r, size := decodeRune(s[i:])
			b = appendJSONRune(b, r, size)
			i += size
		}
		start = i
	}
	return append(b, s[start:]...)
}

func appendJSONByte(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

func appendJSONRune(b []byte, r rune, size int) []byte {
	switch {
	case r == utf8.RuneError && size == 1:
		return append(b, `\ufffd`...)
	case unicode.IsPrint(r):
		return utf8.AppendRune(b, r)
	case r < 0x10000:
		return appendHex4(b, r)
	}
	r -= 0x10000
	return appendHex4(appendHex4(b, 0xd800+r>>10), 0xdc00+r&0x3ff)
}

func appendHex4(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// appendApache escapes as Apache's mod_log_config does: quote and backslash
// with a backslash, all else outside printable ASCII as \xhh.
func appendApache[T string | []byte](b []byte, s T) []byte {
	s = cut(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= ' ' && c < 0x7f:
			b = append(b, c)
		default:
			b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return b
}

func appendApacheOrDash(b, s []byte) []byte {
	if len(s) == 0 {
		return append(b, '-')
	}
	return appendApache(b, s)
}

func cut[T string | []byte](s T) T {
	if len(s) > logFieldBytes {
		return s[:logFieldBytes]
	}
	return s
}

// decodeRune is utf8.DecodeRune for either type, without a conversion that allocates.
func decodeRune[T string | []byte](s T) (rune, int) {
	var head [utf8.UTFMax]byte
	n := copy(head[:], s)
	return utf8.DecodeRune(head[:n])
}

package comparison

import (
	"bytes"
	"compress/gzip"
	"hash/maphash"
	"io"
	"strconv"
	"strings"
)

// maxDecoded bounds what an answer is decompressed to, in bytes.
const maxDecoded = 256 << 10

// Answer is one answer, as far as it was kept. The zero value is an answer that
// never came.
type Answer struct {
	Status    int    // 0: none came, and Failure says why
	Failure   string // for people: timeout, no answer
	Headers   []Header
	Type      string // Content-Type
	Encoding  string // Content-Encoding of Body; "" and identity: none
	Length    int64  // Content-Length; −1: not told
	Body      []byte // up to the caller's cap
	Truncated bool   // the body went on
}

// Header is all lines of one field. Make it with NewHeader.
type Header struct {
	Name  string
	value string
	lines int
}

// seed keeps hashes of secrets useless outside of this process.
var seed = maphash.MakeSeed()

// NewHeader joins the values of a field's lines, in their order. Of fields that
// carry secrets (Set-Cookie, Authorization, …) a keyed hash alone is kept, so
// that they can be compared and never shown.
func NewHeader(name string, values ...string) Header {
	value := strings.Join(values, ", ")
	if secret(name) {
		value = strconv.FormatUint(maphash.String(seed, value), 36)
	}
	return Header{Name: name, value: value, lines: len(values)}
}

// shown is the value as people may see it.
func (h *Header) shown() string {
	switch {
	case h.lines == 0:
		return ""
	case secret(h.Name):
		return hidden
	}
	return shorten(h.value)
}

// hidden stands for a value that is not shown.
const hidden = "(hidden)"

// secretWords tell the names of fields whose values are never shown.
var secretWords = []string{
	"password", "passwd", "passphrase", "secret", "token", "apikey", "authorization", "authenticate", "authentication",
	"cookie", "session", "credential", "privatekey", "signature",
}

// secret reports whether a header or a JSON member with this name may hold a secret.
func secret(name string) bool {
	folded := strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '_' || r == ' ':
			return -1
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
	for _, word := range secretWords {
		if strings.Contains(folded, word) {
			return true
		}
	}
	return false
}

// Decoded is the answer without its gzip encoding, cut at 256 KiB. Other
// encodings, and what is no gzip, stay as they are; where there is no body, there is no encoding.
func (a Answer) Decoded() Answer {
	coding := strings.ToLower(strings.TrimSpace(a.Encoding))
	switch {
	case len(a.Body) == 0, coding == "", coding == "identity":
		a.Encoding = ""
		return a
	case coding != "gzip" && coding != "x-gzip":
		return a
	}
	r, err := gzip.NewReader(bytes.NewReader(a.Body))
	if err != nil {
		return a
	}
	body, err := io.ReadAll(io.LimitReader(r, maxDecoded+1))
	switch {
	case len(body) > maxDecoded:
		body, a.Truncated = body[:maxDecoded], true
	case err != nil && !a.Truncated:
		return a // broken: compared as it is
	}
	a.Body, a.Encoding, a.Length = body, "", -1
	return a
}

// shownBytes is the longest value that is kept for people, in bytes.
const shownBytes = 64

// shorten cuts s at a rune's boundary.
func shorten(s string) string {
	if len(s) <= shownBytes {
		return s
	}
	cut := shownBytes
	for cut > shownBytes-4 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}

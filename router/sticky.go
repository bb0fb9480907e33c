package router

import (
	"encoding/base64"
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"
)

// Sticky is where the key comes from; all empty: no stickiness.
type Sticky struct {
	Cookie, Header, Query string
	ClientIP              bool
}

// maxKey is the longest key in bytes that a cookie may carry; a longer one is
// replaced, so that nobody makes us hash megabytes per request.
const maxKey = 128

// keyBuffer is where a key that has to be decoded or written down is kept.
type keyBuffer [maxKey]byte

// key finds the sticky key of r, or nil. It is a slice of r or of buf.
func (s *Sticky) key(r *Request, buf *keyBuffer) []byte {
	switch {
	case s.Cookie != "":
		for c := (cookieScan{fields: r.Fields}); c.next(); {
			if string(c.name) == s.Cookie && wellFormed(c.value) {
				return c.value
			}
		}
	case s.Header != "":
		if v, _ := r.field(s.Header); len(v) > 0 {
			return v
		}
	case s.Query != "":
		for q := (queryScan{rest: r.Query}); q.next(); {
			if equalDecoded(q.name, s.Query) && len(q.value) > 0 {
				return decodeKey(q.value, buf)
			}
		}
	case s.ClientIP && r.ClientIP.IsValid():
		ip := r.ClientIP.As16() // one key for 10.0.0.1 and ::ffff:10.0.0.1
		return buf[:copy(buf[:], ip[:])]
	}
	return nil
}

// wellFormed reports whether a cookie's value may be a key: 1 to maxKey
// cookie-octets (RFC 6265, section 4.1.1). Ours are 22 of them; an
// application's own cookie may serve as well.
func wellFormed(v []byte) bool {
	if len(v) == 0 || len(v) > maxKey {
		return false
	}
	for _, c := range v {
		if c <= ' ' || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\' {
			return false
		}
	}
	return true
}

// decodeKey decodes a value of the query. One that does not fit into buf is
// taken as it stands, so its spellings count as different users.
func decodeKey(v []byte, buf *keyBuffer) []byte {
	n := 0
	for rest := v; len(rest) > 0; n++ {
		if n == len(buf) {
			return v
		}
		buf[n], rest = decodeByte(rest)
	}
	return buf[:n]
}

// mint writes a new client key: 128 random bits in 22 characters. The
// generator is the runtime's, seeded by the system, per thread, without locks:
// keys can't be guessed, and a seeded Request.Rand does not repeat them.
func mint(dst *[22]byte) {
	var raw [16]byte
	for i, v := range [2]uint64{rand.Uint64(), rand.Uint64()} {
		for j := range 8 {
			raw[8*i+j] = byte(v >> (8 * j))
		}
	}
	base64.RawURLEncoding.Encode(dst[:], raw[:])
}

// rendezvous is weighted rendezvous hashing (Schindelhauer and Schomaker 2005):
// the version with the smallest -ln(u)/w gets the key, where u in (0,1) is made
// of 53 bits of xxhash64(service, version, key). The smallest of exponential
// variables with rates w falls on each in proportion to w. A version's score
// depends on its own weight alone, so raising it moves keys only into that
// version, and lowering it only out. Weight 0 gets nobody.
func (s *Service) rendezvous(d *division, key []byte) int {
	best, bestScore := d.stable, math.Inf(1)
	for i, bp := range d.bp {
		if bp == 0 {
			continue
		}
		if bp == fullBP {
			return i
		}
		score := -math.Log(unit(hashKey(&s.Versions[i].seed, key))) / float64(bp)
		if score < bestScore {
			best, bestScore = i, score
		}
	}
	return best
}

// hashKey continues a copy of seed with key.
func hashKey(seed *xxhash.Digest, key []byte) uint64 {
	h := *seed
	h.Write(key)
	return h.Sum64()
}

// unit maps 64 random bits into the open interval (0,1).
func unit(h uint64) float64 { return (float64(h>>11) + 0.5) * 0x1p-53 }

// scale maps 64 random bits onto 0..n-1.
func scale(rnd, n uint64) uint64 {
	hi, _ := bits.Mul64(rnd, n)
	return hi
}

// mix makes a further random number of rnd (the finaliser of splitmix64). Each
// use of Request.Rand has its own salt, so that rules, weights and whatever the
// caller does with it do not depend on each other.
func mix(rnd, salt uint64) uint64 {
	z := rnd + (salt+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// linkLife is how long a signed link can be used. It is void before that once
// its gate is passed or its run has ended.
const linkLife = 24 * time.Hour

// What a link does.
const (
	linkApprove = "approve"
	linkAbort   = "abort"
)

// linkClaim is what a signed link is good for: one action at one gate of one run.
type linkClaim struct {
	Service string `json:"s"`
	Run     string `json:"r"`
	Gate    string `json:"g"`
	Action  string `json:"a"`
	Expires int64  `json:"e"` // Unix milliseconds
}

func (l linkClaim) expired(now time.Time) bool { return now.UnixMilli() >= l.Expires }

// issued is when the link was made.
func (l linkClaim) issued() time.Time { return time.UnixMilli(l.Expires).Add(-linkLife) }

// maxToken bounds a token before anything of it is looked at; bytes. Names are at most 63 long.
const maxToken = 1024

var errForged = errors.New("not a link of this server")

// linkKey signs links.
type linkKey [sha256.Size]byte

// token is the claim with its signature, to stand in a URL.
func (k *linkKey) token(l linkClaim) string {
	payload, _ := json.Marshal(l) // strings and a number
	return base64.RawURLEncoding.EncodeToString(append(payload, k.mac(payload)...))
}

// claim reads a token of ours. Nothing of it is parsed before the signature is
// known to be right, and that is compared in constant time.
func (k *linkKey) claim(token string) (l linkClaim, err error) {
	if len(token) > maxToken {
		return l, errForged
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) <= sha256.Size {
		return l, errForged
	}
	payload, mac := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	if !hmac.Equal(mac, k.mac(payload)) || json.Unmarshal(payload, &l) != nil {
		return linkClaim{}, errForged
	}
	return l, nil
}

func (k *linkKey) mac(payload []byte) []byte {
	h := hmac.New(sha256.New, k[:])
	h.Write([]byte("sluice link 1\n")) // the key signs nothing else, and shall not by mistake
	h.Write(payload)
	return h.Sum(nil)
}

package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a delivery.
const (
	headerEvent     = "Sluice-Event"     // the point of a rollout, or the type of an event
	headerDelivery  = "Sluice-Delivery"  // idempotency key: the same for every attempt, also after a restart
	headerTimestamp = "Sluice-Timestamp" // seconds since 1970, of this attempt; part of what is signed
	headerSignature = "Sluice-Signature" // sha256= and 64 hex digits
)

const signaturePrefix = "sha256="

// DefaultTolerance is how old, or how far ahead, a delivery's timestamp may be for Verify.
const DefaultTolerance = 5 * time.Minute

// Sign returns the value of Sluice-Signature: HMAC-SHA256 (RFC 2104) over timestamp, a dot and the body.
func Sign(secret, timestamp string, body []byte) string {
	return signaturePrefix + hex.EncodeToString(digest(secret, timestamp, body))
}

func digest(secret, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return mac.Sum(nil)
}

// Verify is what a receiver checks before it believes a delivery: that it was signed with
// secret, over this very body, and at most tolerance ago or ahead of now (0: DefaultTolerance). The
// signature is compared in constant time. A delivery that was seen before is still genuine:
// who must not act twice remembers Sluice-Delivery.
func Verify(secret string, header http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	if secret == "" {
		return errors.New("signature: there is no secret to check it with")
	}
	stamp, claim := header.Get(headerTimestamp), header.Get(headerSignature)
	if stamp == "" || claim == "" {
		return fmt.Errorf("signature: want %s and %s", headerTimestamp, headerSignature)
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return fmt.Errorf("signature: %s must be seconds since 1970", headerTimestamp)
	}
	written, ok := strings.CutPrefix(claim, signaturePrefix)
	got, err := hex.DecodeString(written)
	if !ok || err != nil || len(got) != sha256.Size {
		return fmt.Errorf("signature: %s must be sha256= and %d hex digits", headerSignature, 2*sha256.Size)
	}
	if !hmac.Equal(got, digest(secret, stamp, body)) {
		return errors.New("signature: it does not belong to this body and this secret")
	}
	if tolerance <= 0 {
		tolerance = DefaultTolerance
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return fmt.Errorf("signature: it is %v old, want at most %v", age.Round(time.Second), tolerance)
	}
	return nil
}

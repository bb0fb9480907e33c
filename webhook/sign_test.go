package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestVerify(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	body := []byte(`{"a":1}`)
	stamp := strconv.FormatInt(now.Unix(), 10)
	good := Sign("key", stamp, body)
	for _, tt := range []struct {
		name, secret, stamp, signature, body string
		at                                   time.Time
		want                                 string // "": genuine
	}{
		{"genuine", "key", stamp, good, string(body), now, ""},
		{"nearly old", "key", stamp, good, string(body), now.Add(5 * time.Minute), ""},
		{"old", "key", stamp, good, string(body), now.Add(5*time.Minute + time.Second), "old"},
		{"from the future", "key", stamp, good, string(body), now.Add(-6 * time.Minute), "old"},
		{"another body", "key", stamp, good, `{"a":2}`, now, "does not belong"},
		{"another secret", "yek", stamp, good, string(body), now, "does not belong"},
		{"another time", "key", "1800000001", good, string(body), now, "does not belong"},
		{"no secret", "", stamp, good, string(body), now, "no secret"},
		{"no time", "key", "", good, string(body), now, "want Sluice-Timestamp"},
		{"no signature", "key", stamp, "", string(body), now, "want Sluice-Timestamp and Sluice-Signature"},
		{"odd time", "key", "now", good, string(body), now, "seconds since 1970"},
		{"no prefix", "key", stamp, strings.TrimPrefix(good, "sha256="), string(body), now, "64 hex digits"},
		{"short", "key", stamp, good[:20], string(body), now, "64 hex digits"},
		{"no hex", "key", stamp, "sha256=" + strings.Repeat("x", 64), string(body), now, "64 hex digits"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{"Sluice-Timestamp": {tt.stamp}, "Sluice-Signature": {tt.signature}}
			err := Verify(tt.secret, h, []byte(tt.body), tt.at, 0)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// Computed apart, with: printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac key
func TestSignIsHMAC(t *testing.T) {
	const want = "sha256=7330c9cf7d886970cbebbbb5494c04d2aeff06a990adb7d7a75abfeb0159d291"
	if got := Sign("key", "1800000000", []byte(`{"a":1}`)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

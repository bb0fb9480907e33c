package webhook

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// pause is how long to wait after so many attempts. asked is the server's Retry-After, 0 if
// there is none: it is kept to, up to the longest pause.
func (c *Client) pause(made int, asked time.Duration) time.Duration {
	first, longest := c.Pause, c.Longest
	if first <= 0 {
		first = defaultPause
	}
	if longest <= 0 {
		longest = defaultLongest
	}
	if asked > 0 {
		return min(asked, longest)
	}
	most := min(first, longest)
	for range made - 1 {
		most = min(2*most, longest)
	}
	return rand.N(most + 1)
}

// retryAfter reads the header of RFC 9110, section 10.2.3: seconds or a date. 0: none, or not to be read.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// again reports whether an answer is worth another attempt, as go-retryablehttp has it: 429,
// and 5xx but 501, which no repetition changes.
func again(status int) bool {
	return status == http.StatusTooManyRequests || status >= 500 && status != http.StatusNotImplemented
}

package admin

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// percent is a share in hundredths of a percent, 0..10000. JSON shows it as a
// number of percent, exactly: 1050 is 10.5. No float is involved.
type percent int

// MarshalJSON writes the shortest decimal.
func (p percent) MarshalJSON() ([]byte, error) {
	out := strconv.AppendInt(nil, int64(p)/100, 10)
	if cents := int64(p) % 100; cents != 0 {
		out = append(out, '.', byte('0'+cents/10))
		if cents%10 != 0 {
			out = append(out, byte('0'+cents%10))
		}
	}
	return out, nil
}

func (p percent) String() string {
	text, _ := p.MarshalJSON() // never fails
	return string(text)
}

// percentOf rounds a share of 0..1.
func percentOf(share float64) percent { return percent(math.Round(share * 10000)) }

// parsePercent reads a JSON number of percent with at most two decimals.
func parsePercent(text string) (percent, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	n, err := strconv.ParseUint(whole, 10, 32)
	if err != nil || strings.Trim(fraction, "0123456789") != "" {
		return 0, fmt.Errorf("got %s, want a number from 0 to 100", printable(text))
	}
	if len(fraction) > 2 {
		return 0, fmt.Errorf("got %s, want at most two decimals", printable(text))
	}
	cents, _ := strconv.Atoi((fraction + "00")[:2]) // digits only, seen above
	if n > 100 || n == 100 && cents > 0 {
		return 0, fmt.Errorf("got %s, want a number from 0 to 100", printable(text))
	}
	return percent(int(n)*100 + cents), nil
}

package comparison

import (
	"strconv"
	"strings"
)

// sameNumber reports whether two JSON numbers have the same value, however they
// are written and however long they are: 1.0, 1 and 10e-1 are the same, 2^63 and 2^63+1 are not.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, y := decimalOf(a), decimalOf(b)
	return x == y && x.exact
}

// decimal is ±0.digits × 10^exponent, without zeros at either end of digits.
type decimal struct {
	negative bool
	digits   string
	exponent int64
	exact    bool // false: the exponent does not fit
}

func decimalOf(s string) decimal {
	d := decimal{exact: true}
	s, d.negative = strings.CutPrefix(s, "-")
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		// 32 bits, so that the sum below can't overflow.
		e, err := strconv.ParseInt(strings.TrimPrefix(s[i+1:], "+"), 10, 32)
		if err != nil {
			d.exact = false
		}
		s, d.exponent = s[:i], e
	}
	whole, fraction, _ := strings.Cut(s, ".")
	d.exponent += int64(len(whole))
	all := whole + fraction
	d.digits = strings.TrimLeft(all, "0")
	d.exponent -= int64(len(all) - len(d.digits))
	d.digits = strings.TrimRight(d.digits, "0")
	if d.digits == "" {
		return decimal{exact: true} // zero has no sign and no exponent
	}
	return d
}

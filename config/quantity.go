package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const maxDuration = 365 * 24 * time.Hour

// duration is a time span from least to a year.
func duration(least time.Duration) kind[time.Duration] {
	want := "a duration such as 10s"
	return scalar(want, func(s string) (time.Duration, error) {
		v, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return 0, errShape
		case v < least:
			return 0, fmt.Errorf("it must be at least %s", formatDuration(least))
		case v > maxDuration:
			return 0, errors.New("it must be at most a year")
		}
		return v, nil
	}, func(v time.Duration) any { return formatDuration(v) },
		orZero(`^(0|\+?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$|`+reference))
}

// orZero is a text of that pattern, or a bare 0: the one number that needs no unit.
func orZero(pattern string) schema {
	return schema{"anyOf": []any{schema{"type": "string", "pattern": pattern}, schema{"enum": []any{0}}}}
}

// formatDuration prints 90m as 1h30m, not as 1h30m0s.
func formatDuration(v time.Duration) string {
	s := v.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// size is a number of bytes from lo to hi: 64KiB, 10MiB, 1MB, or bare bytes.
func size(lo, hi int64) kind[int64] {
	want := "a size such as 64KiB"
	return scalar(want, func(s string) (int64, error) {
		v, err := parseSize(s)
		if err != nil {
			return 0, err
		}
		if v < lo || v > hi {
			return 0, fmt.Errorf("it must be from %s to %s", formatSize(lo), formatSize(hi))
		}
		return v, nil
	}, func(v int64) any { return formatSize(v) },
		schema{"type": []any{"string", "integer"}, "pattern": `^\d+ ?(B|kB|KB|MB|GB|KiB|MiB|GiB)?$|` + reference})
}

type unit struct {
	name  string
	bytes int64
}

func units() []unit {
	return []unit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}}
}

func parseSize(s string) (int64, error) {
	digits, factor := s, int64(1)
	for _, u := range units() {
		if before, ok := strings.CutSuffix(s, u.name); ok {
			digits, factor = strings.TrimSuffix(before, " "), u.bytes
			break
		}
	}
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || v < 0 || digits[0] == '+' || v > (1<<62)/factor {
		return 0, errShape
	}
	return v * factor, nil
}

func formatSize(v int64) string {
	for _, u := range units()[:3] {
		if v != 0 && v%u.bytes == 0 {
			return strconv.FormatInt(v/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(v, 10)
}

// decimal reads 12, 12.5 or 12.5% as millionths of a percent, exactly.
func decimal(s string) (micro int64, err error) {
	s = strings.TrimSuffix(s, "%")
	whole, fraction, dotted := strings.Cut(s, ".")
	if !digitsOnly(whole) || len(whole) > 9 || dotted && !digitsOnly(fraction) {
		return 0, errShape
	}
	if len(fraction) > 6 {
		return 0, errors.New("it must not be finer than 0.000001%")
	}
	micro, err = strconv.ParseInt(whole+fraction+strings.Repeat("0", 6-len(fraction)), 10, 64)
	if err != nil {
		return 0, errShape
	}
	return micro, nil
}

func digitsOnly(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

const wholeMicro = 100_000_000 // 100 % in millionths of a percent

func percentOf(s string) (int64, error) {
	micro, err := decimal(s)
	if err == nil && micro > wholeMicro {
		err = errors.New("it must be from 0 to 100")
	}
	return micro, err
}

func showPercent(micro int64) json.Number {
	s := fmt.Sprintf("%d.%06d", micro/1_000_000, micro%1_000_000)
	return json.Number(strings.TrimSuffix(strings.TrimRight(s, "0"), "."))
}

func percentSchema() schema {
	return schema{"anyOf": []any{
		schema{"type": "number", "minimum": 0, "maximum": 100},
		schema{"type": "string", "pattern": `^\d+(\.\d+)?%?$|` + reference},
	}}
}

// weight is a percentage in hundredths of a percent (basis points).
func weight() kind[int] {
	return scalar("a percentage such as 10 or 0.05%", func(s string) (int, error) {
		micro, err := percentOf(s)
		if err != nil {
			return 0, err
		}
		if micro%10_000 != 0 {
			return 0, errors.New("a weight must not be finer than 0.01%")
		}
		return int(micro / 10_000), nil
	}, func(bp int) any { return showPercent(int64(bp) * 10_000) }, percentSchema())
}

// percent is a percentage, 0..100.
func percent() kind[float64] {
	return scalar("a percentage such as 10 or 0.05%", func(s string) (float64, error) {
		micro, err := percentOf(s)
		return float64(micro) / 1e6, err
	}, func(v float64) any { return showPercent(int64(v*1e6 + 0.5)) }, percentSchema())
}

// share is a percentage kept as 0..1; without its % sign it is refused, as 0.2
// could mean either.
func share() kind[float64] {
	return scalar("a percentage such as 20%", func(s string) (float64, error) {
		if !strings.HasSuffix(s, "%") && s != "0" {
			return 0, errors.New("write the % sign")
		}
		micro, err := percentOf(s)
		return float64(micro) / wholeMicro, err
	}, func(v float64) any { return string(showPercent(int64(v*wholeMicro+0.5))) + "%" },
		orZero(`^(0|\d+(\.\d+)?%)$|`+reference))
}

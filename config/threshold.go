package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// metricUnit says what a metric is measured in.
type metricUnit uint8

const (
	rateUnit    metricUnit = iota // a share of requests or of a resource, 0..1
	latencyUnit                   // a time
	countUnit                     // a whole number
	numberUnit                    // any number from 0 on, as what it measures is not known here
)

// metric is what a criterion may name. bad is the direction that speaks
// against a version.
type metric struct {
	name string
	unit metricUnit
	bad  string // ">" or "<"; "": either
}

func metrics() []metric {
	return []metric{
		{"error_rate", rateUnit, ">"}, {"success_rate", rateUnit, "<"},
		{"p50_latency", latencyUnit, ">"}, {"p90_latency", latencyUnit, ">"},
		{"p95_latency", latencyUnit, ">"}, {"p99_latency", latencyUnit, ">"},
		{"hangs", countUnit, ">"},
		{"cpu_utilization", rateUnit, ">"}, {"memory_utilization", rateUnit, ">"},
	}
}

func (m metric) example(breach bool) string {
	op := m.bad
	if !breach {
		op = map[string]string{">": "<", "<": ">"}[op]
	}
	switch {
	case m.unit == latencyUnit:
		return fmt.Sprintf(`"%s 500ms" or "%s 2x stable"`, op, op)
	case m.unit == numberUnit:
		return `"> 5%", "< 12.5" or "> 1.5x stable"`
	case m.unit == countUnit:
		return fmt.Sprintf(`"%s 10"`, op)
	case m.bad == "<":
		return fmt.Sprintf(`"%s 95%%"`, op)
	default:
		return fmt.Sprintf(`"%s 5%%" or "%s 1.5x stable"`, op, op)
	}
}

// criteria reads conditions by metric. A breach must point the way that speaks
// against a version, a success criterion the other way: the wrong way round it
// would condemn what is healthy.
func criteria(breach bool) kind[Criteria] {
	var keys []key[Criteria]
	form := thresholdPattern()
	for _, m := range metrics() {
		conditions := oneOrMore(threshold(m, breach, form))
		keys = append(keys, key[Criteria]{
			name: m.name, doc: "Conditions such as " + m.example(breach) + ".", schema: conditions.schema,
			read: func(d *decoder, n *node, path string, dst *Criteria) {
				var all []Threshold
				conditions.read(d, n, path, &all)
				(*dst)[m.name] = all
			},
			show: func(c *Criteria) any { return conditions.show((*c)[m.name]) },
		})
	}
	keys = append(keys, expressionKey())
	k := mapping(Criteria(nil), keys...)
	read := k.read
	k.read = func(d *decoder, n *node, path string, dst *Criteria) {
		if n.kind != mapNode {
			read(d, n, path, dst)
			return
		}
		*dst = Criteria{} // a fresh map: the defaults' one is shared
		readKeys(d, n, path, dst, keys)
	}
	return k
}

func threshold(m metric, breach bool, form *regexp.Regexp) kind[Threshold] {
	want := "a condition such as " + m.example(breach)
	return scalar(want, func(s string) (Threshold, error) {
		t, err := parseThreshold(s, m, form)
		if err == nil {
			err = checkDirection(t, m, breach)
		}
		return t, err
	}, func(t Threshold) any { return t.Text },
		schema{"type": "string", "pattern": `^\s*(>=|<=|>|<)\s*\d|` + reference})
}

// thresholdPattern takes apart "> 1.5x stable", "<= 500ms" and "> 5%".
func thresholdPattern() *regexp.Regexp {
	return regexp.MustCompile(`^\s*(>=|<=|>|<)\s*([0-9][0-9a-zµ.]*%?)(?:\s+(stable|baseline))?\s*$`)
}

func parseThreshold(s string, m metric, form *regexp.Regexp) (Threshold, error) {
	parts := form.FindStringSubmatch(s)
	if parts == nil {
		return Threshold{}, errShape
	}
	t := Threshold{Text: s, Op: parts[1]}
	amount, ratio := strings.CutSuffix(parts[2], "x")
	if ratio != (parts[3] != "") {
		return t, errors.New("a ratio is written 1.5x stable")
	}
	if ratio {
		return t, setRatio(&t, amount)
	}
	return t, setAbsolute(&t, amount, m)
}

func setRatio(t *Threshold, amount string) error {
	micro, err := decimal(amount)
	if err != nil || strings.HasSuffix(amount, "%") || micro == 0 {
		return errors.New("a ratio is written 1.5x stable")
	}
	t.Ratio = float64(micro) / 1e6
	return nil
}

func setAbsolute(t *Threshold, amount string, m metric) error {
	switch m.unit {
	case latencyUnit:
		v, err := time.ParseDuration(amount)
		if err != nil || v <= 0 || v > time.Hour {
			return errors.New("a latency is compared with a duration of at most 1h, or with stable")
		}
		t.Duration = v
	case countUnit:
		v, err := strconv.Atoi(amount)
		if err != nil {
			return errors.New("it is compared with a whole number, or with stable")
		}
		t.Value = float64(v)
	case numberUnit:
		return setNumber(t, amount)
	default:
		return setRate(t, amount)
	}
	return nil
}

func setRate(t *Threshold, amount string) error {
	micro, err := decimal(amount)
	if err != nil {
		return errors.New("a rate is compared with a percentage, or with stable")
	}
	if strings.HasSuffix(amount, "%") {
		t.Value = float64(micro) / wholeMicro
	} else {
		t.Value = float64(micro) / 1e6
	}
	if t.Value > 1 {
		return errors.New("a rate is from 0% to 100%")
	}
	return nil
}

// setNumber reads 5% as 0.05 and 12.5 as it is.
func setNumber(t *Threshold, amount string) error {
	micro, err := decimal(amount)
	if err != nil {
		return errors.New("it is compared with a number, a percentage, or with stable")
	}
	t.Value = float64(micro) / 1e6
	if strings.HasSuffix(amount, "%") {
		t.Value /= 100
	}
	return nil
}

func checkDirection(t Threshold, m metric, breach bool) error {
	if m.bad == "" {
		return nil
	}
	if points := t.Op[:1] == m.bad; points != breach {
		if breach {
			return errors.New("this way round it would condemn a healthy version")
		}
		return errors.New("this way round only a bad version would pass")
	}
	if !breach || t.Ratio == 0 {
		return nil
	}
	if m.bad == ">" && t.Ratio < 1 || m.bad == "<" && t.Ratio > 1 {
		return errors.New("a version as good as stable would be condemned")
	}
	return nil
}

func defaultBreach() Criteria {
	return Criteria{"error_rate": {{Text: "> 1.5x stable", Op: ">", Ratio: 1.5}}}
}

package analysis

import (
	"bytes"
	"math"
	"strconv"
	"sync/atomic"
)

// Backends may say with each answer how busy they are: the header
// endpoint-load-metrics of ORCA (gRFC A51, as Envoy reads it), in its text form
// "TEXT cpu_utilization=0.3,mem_utilization=0.8" (':' instead of '=' is the older
// spelling) or as "JSON {…}". The prefix may be missing; the binary form is ignored.

// Utilization adds up what the instances of one version reported. It only
// grows: who wants the mean of a time subtracts two snapshots. The zero value is
// ready. Observe is wait-free, allocates nothing for well-formed reports and is safe
// for concurrent use: at most four atomic additions for each.
type Utilization struct {
	cpu, memory loadSum
	_           [64 - 2*16]byte // not shared with what lies beside it: written with each answer
}

type loadSum struct{ reports, micro atomic.Uint64 }

// LoadTotals is a reading of a Utilization. The zero value is empty.
type LoadTotals struct {
	CPU, Memory LoadSum
}

// LoadSum is the number of reports that named a resource and the sum of what they
// said, in millionths of the resource.
type LoadSum struct{ Reports, Micro uint64 }

// mostLoad is the largest utilization believed. The CPU's may exceed 1, where an
// instance uses more than it asked for.
const mostLoad = 1000

// Observe takes in the value of one endpoint-load-metrics header. What it can't
// read, negative figures and those that are no numbers count for nothing.
func (u *Utilization) Observe(header []byte) {
	l := parseLoad(header)
	u.cpu.add(l.cpu)
	u.memory.add(l.memory)
}

func (s *loadSum) add(v float64) {
	if v >= 0 {
		s.micro.Add(uint64(v*1e6 + 0.5))
		s.reports.Add(1)
	}
}

// Snapshot reads the totals. A report that comes in meanwhile may show in the
// sum and not yet in the count; the next reading has it whole.
func (u *Utilization) Snapshot() LoadTotals {
	return LoadTotals{CPU: u.cpu.read(), Memory: u.memory.read()}
}

func (s *loadSum) read() LoadSum {
	n := s.reports.Load()
	return LoadSum{Reports: n, Micro: s.micro.Load()}
}

// Sub returns what came after the earlier reading o.
func (t LoadTotals) Sub(o LoadTotals) LoadTotals {
	return LoadTotals{CPU: t.CPU.sub(o.CPU), Memory: t.Memory.sub(o.Memory)}
}

func (s LoadSum) sub(o LoadSum) LoadSum {
	return LoadSum{Reports: s.Reports - min(s.Reports, o.Reports), Micro: s.Micro - min(s.Micro, o.Micro)}
}

// Mean of the reports: 0.8 stands for 80 %; 0 without any.
func (s LoadSum) Mean() float64 {
	if s.Reports == 0 {
		return 0
	}
	return float64(s.Micro) / 1e6 / float64(s.Reports)
}

// load is one report; what it does not name is NaN.
type load struct{ cpu, memory float64 }

func parseLoad(b []byte) load {
	l := load{math.NaN(), math.NaN()}
	b = bytes.TrimSpace(b)
	word, rest, prefixed := bytes.Cut(b, []byte(" "))
	switch {
	case prefixed && string(word) == "TEXT":
		l.text(rest)
	case prefixed && string(word) == "JSON":
		l.json(rest)
	case prefixed && string(word) == "BIN":
	case len(b) > 0 && b[0] == '{':
		l.json(b)
	default:
		l.text(b)
	}
	return l
}

// text reads name=value pairs with commas between them.
func (l *load) text(b []byte) {
	for len(b) > 0 {
		var pair []byte
		pair, b, _ = bytes.Cut(b, []byte(","))
		if i := bytes.IndexAny(pair, "=:"); i >= 0 {
			l.take(bytes.TrimSpace(pair[:i]), bytes.TrimSpace(pair[i+1:]))
		}
	}
}

// json reads the numbers of an object's own keys, without building it: nested
// values, named_metrics among them, are passed over. Reading ends where the text
// is no JSON; nothing of a text without its end is believed.
func (l *load) json(b []byte) {
	found := load{math.NaN(), math.NaN()}
	var key []byte
	depth, value := 0, false // value: after the colon
	for i := 0; i < len(b); {
		switch c := b[i]; c {
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth--; depth <= 0 {
				if depth == 0 && c == '}' {
					*l = found
				}
				return
			}
			i++
		case '"':
			end := stringEnd(b, i)
			if end < 0 {
				return
			}
			if depth == 1 && !value {
				key = b[i+1 : end-1]
			}
			i = end
		case ':', ',':
			if depth == 1 {
				value = c == ':'
			}
			i++
		case ' ', '\t':
			i++
		default:
			end := i + 1
			for end < len(b) && bytes.IndexByte([]byte(",}] \t"), b[end]) < 0 {
				end++
			}
			if depth == 1 && value {
				found.take(key, b[i:end])
			}
			i = end
		}
	}
}

// stringEnd is the index after the string that begins at b[i]; −1: it has no end.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// take keeps a value if its name matters. Of JSON, both spellings of protobuf count.
func (l *load) take(name, value []byte) {
	switch string(name) {
	case "cpu_utilization", "cpuUtilization":
		l.cpu = number(value)
	case "mem_utilization", "memUtilization":
		l.memory = number(value)
	}
}

// number reads a plain decimal number from 0 to mostLoad; NaN stands for anything else.
func number(b []byte) float64 {
	if len(b) == 0 || len(b) > 32 {
		return math.NaN()
	}
	for _, c := range b {
		if (c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-' {
			return math.NaN()
		}
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil || v < 0 || v > mostLoad {
		return math.NaN()
	}
	return v
}

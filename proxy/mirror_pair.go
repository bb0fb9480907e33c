package proxy

import (
	"sync"
	"time"

	"sluice/comparison"
	"sluice/router"
)

// Sides of a pair.
const (
	sideStable = iota // what the client gets
	sideShadow        // the copy's
	sideRepeat        // stable's to a second copy, for the noise
	sides
)

type sideState uint8

const (
	sideNone  sideState = iota // not asked, or lost
	sideAsked                  // being answered
	sideHere
)

// side is one answer as it comes in.
type side struct {
	state  sideState
	answer comparison.Answer
}

// pair is the answers to one request. Exchanges and copies bring them on their
// own goroutines; whoever brings the last hands the pair over. Until then its
// expiry can end it at any time, which frees what it holds.
type pair struct {
	comparer *comparer
	state    *compared
	policy   *comparison.Policy
	service  string
	request  comparison.Request
	expiry   *time.Timer

	mu    sync.Mutex
	sides [sides]side
	open  int // sides asked
	ended bool
	held  int64 // bytes of the budget
}

// begin makes the pair of a request that stable is to answer and of which a copy exists.
func (c *comparer) begin(m *router.Mirror, state *compared, service string, r comparison.Request) *pair {
	p := &pair{comparer: c, state: state, policy: state.policyOf(m), service: service, request: r, open: 2}
	p.sides[sideStable].state, p.sides[sideShadow].state = sideAsked, sideAsked
	life := max(c.limits.Life, m.Timeout+c.limits.Life/6)
	p.mu.Lock() // the timer may be early
	defer p.mu.Unlock()
	p.expiry = time.AfterFunc(life, func() { p.drop(compareDroppedLate) })
	return p
}

// ask adds the repeat, before its copy is sent.
func (p *pair) ask(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sides[i].state = sideAsked
	p.open++
}

// head takes what is compared of an answer's head; the slices are copied.
func (p *pair) head(i int, a *answerHead) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.sides[i]
	if p.ended || s.state != sideAsked {
		return
	}
	s.answer = comparison.Answer{Status: a.status, Length: a.contentLength}
	for j := range a.fields {
		switch f := &a.fields[j]; {
		case equalFold(f.Name, "content-type"):
			s.answer.Type = string(f.Value)
		case equalFold(f.Name, "content-encoding"):
			s.answer.Encoding = joined(s.answer.Encoding, f.Value)
		}
	}
	for _, name := range p.policy.Headers {
		if values := a.all(name); len(values) > 0 {
			s.answer.Headers = append(s.answer.Headers, comparison.NewHeader(name, values...))
		}
	}
}

func joined(list string, value []byte) string {
	if list == "" {
		return string(value)
	}
	return list + ", " + string(value)
}

// all is the values of a field's lines.
func (a *answerHead) all(name string) (values []string) {
	for i := range a.fields {
		if equalFoldBytes(a.fields[i].Name, []byte(name)) {
			values = append(values, string(a.fields[i].Value))
		}
	}
	return values
}

// streams reports an answer that is not meant to end.
func (a *answerHead) streams() bool {
	for i := range a.fields {
		if equalFold(a.fields[i].Name, "content-type") {
			return hasPrefixFold(a.fields[i].Value, "text/event-stream") || hasPrefixFold(a.fields[i].Value, "multipart/x-mixed-replace")
		}
	}
	return false
}

// keep copies a piece of a body. It reports whether more of it is of use.
func (p *pair) keep(i int, b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.sides[i]
	if p.ended || s.state != sideAsked || s.answer.Truncated {
		return false
	}
	if room := compareBodyBytes - len(s.answer.Body); len(b) > room {
		b, s.answer.Truncated = b[:room], true
	}
	if !p.makeRoom(&s.answer, len(b)) {
		p.end(compareDroppedBytes)
		return false
	}
	s.answer.Body = append(s.answer.Body, b...)
	return !s.answer.Truncated
}

// makeRoom takes n more bytes from the budget, where the buffer must grow. It
// reports false if that is spent. mu is held.
func (p *pair) makeRoom(a *comparison.Answer, n int) bool {
	have, need := cap(a.Body), len(a.Body)+n
	if need <= have {
		return true
	}
	size := max(need, 2*have, 512)
	if a.Length >= int64(need) {
		size = int(min(a.Length, compareBodyBytes))
	}
	size = min(size, compareBodyBytes)
	more := int64(size - have)
	if p.comparer.bytes.Add(more) > p.comparer.limits.MaxBytes {
		p.comparer.bytes.Add(-more)
		return false
	}
	p.held += more
	grown := make([]byte, len(a.Body), size)
	copy(grown, a.Body)
	a.Body = grown
	return true
}

// done says that the answer is there, as far as it is kept.
func (p *pair) done(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(i, sideHere)
}

// failed says that no answer came, which is one to compare as well.
func (p *pair) failed(i int, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended && p.sides[i].state == sideAsked {
		p.sides[i].answer = comparison.Answer{Failure: why}
		p.settle(i, sideHere)
	}
}

// lost says that there will be nothing to compare. Without stable's answer, or
// both others, the pair is over.
func (p *pair) lost(i int, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || p.sides[i].state != sideAsked {
		return
	}
	if i == sideRepeat {
		p.state.repeats.Add(-1)
	}
	if i == sideStable || i == sideShadow && p.sides[sideRepeat].state == sideNone {
		p.end(reason)
		return
	}
	if i == sideShadow {
		p.count(reason)
	}
	p.settle(i, sideNone)
}

// settle hands the pair over once nothing is open. mu is held.
func (p *pair) settle(i int, to sideState) {
	if p.ended || p.sides[i].state != sideAsked {
		return
	}
	p.sides[i].state = to
	if p.open--; p.open > 0 {
		return
	}
	if p.sides[sideShadow].state == sideNone && p.sides[sideRepeat].state == sideNone {
		p.over()
		return
	}
	select {
	case p.comparer.queue <- p:
		p.ended = true
		p.expiry.Stop()
	default:
		p.end(compareDroppedBusy)
	}
}

// drop ends a pair whose answers have not all come.
func (p *pair) drop(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.end(reason)
	}
}

// end gives the pair up and counts why. mu is held.
func (p *pair) end(reason string) {
	if p.sides[sideRepeat].state != sideNone {
		p.state.repeats.Add(-1)
	}
	p.over()
	p.count(reason)
}

// over frees what the pair holds. mu is held.
func (p *pair) over() {
	p.ended = true
	p.expiry.Stop()
	p.release()
}

func (p *pair) release() {
	for i := range p.sides {
		p.sides[i].answer = comparison.Answer{}
	}
	p.comparer.bytes.Add(-p.held)
	p.held = 0
}

// free is release, after the comparison.
func (p *pair) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release()
}

func (p *pair) count(reason string) { p.comparer.skip(p.state, p.service, reason) }

func (p *pair) key(result string) mirrorKey {
	return mirrorKey{service: p.service, version: p.state.shadow, result: result}
}

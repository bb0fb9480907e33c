package proxy

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

func TestLineRingFull(t *testing.T) {
	r := newLineRing(4)
	for turn := range 3 { // round the ring, and again
		for i := range 4 {
			s, pos := r.reserve()
			if s == nil {
				t.Fatalf("turn %d: full after %d", turn, i)
			}
			s.line = fmt.Appendf(s.line[:0], "%d", i)
			r.publish(s, pos)
		}
		if s, _ := r.reserve(); s != nil {
			t.Fatal("a fifth slot of four")
		}
		for i := range 4 {
			s := r.peek()
			if s == nil || string(s.line) != fmt.Sprint(i) {
				t.Fatalf("turn %d: line %d is %v", turn, i, s)
			}
			r.free(s)
		}
		if r.peek() != nil {
			t.Fatal("a line too many")
		}
	}
}

// A slot that is reserved and not yet published holds back those after it.
func TestLineRingOrder(t *testing.T) {
	r := newLineRing(4)
	first, at := r.reserve()
	second, after := r.reserve()
	r.publish(second, after)
	if r.peek() != nil {
		t.Error("read before the first was published")
	}
	r.publish(first, at)
	if r.peek() != first {
		t.Error("the first is not first")
	}
}

func TestLineRingForgetsLongLines(t *testing.T) {
	r := newLineRing(2)
	s, pos := r.reserve()
	s.line = make([]byte, lineSlotKeeps+1)
	r.publish(s, pos)
	r.free(r.peek())
	if s.line != nil {
		t.Errorf("keeps %d bytes", cap(s.line))
	}
}

// Many writers on a ring that is mostly full: no line is lost, doubled, or
// overtaken by a later one of its writer.
func TestLineRingConcurrent(t *testing.T) {
	const writers, each = 4, 20000
	r := newLineRing(8)
	var wg sync.WaitGroup
	defer wg.Wait()
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				s, pos := r.reserve()
				for s == nil {
					runtime.Gosched()
					s, pos = r.reserve()
				}
				s.line = append(s.line[:0], byte(w), byte(i>>16), byte(i>>8), byte(i))
				r.publish(s, pos)
			}
		})
	}
	var next [writers]int
	for n := 0; n < writers*each; {
		s := r.peek()
		if s == nil {
			runtime.Gosched()
			continue
		}
		w, i := s.line[0], int(s.line[1])<<16|int(s.line[2])<<8|int(s.line[3])
		if next[w] != i {
			t.Errorf("writer %d: line %d, want %d", w, i, next[w])
			next[w] = i
		}
		next[w]++
		r.free(s)
		n++
	}
}

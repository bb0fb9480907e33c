package notify

import (
	"strconv"
	"testing"
)

// BenchmarkTell is what an event costs who tells it: a target that is full, and no note twice.
func BenchmarkTell(b *testing.B) {
	s := New(Options{})
	s.Watch(shop(to("http://127.0.0.1:1/", "alert")))
	b.ReportAllocs()
	for i := range b.N {
		s.Tell(Note{ID: uint64(i), Type: "alert", Service: "shop", Message: strconv.Itoa(i)})
	}
}

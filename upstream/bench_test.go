package upstream

import (
	"context"
	"testing"
)

func BenchmarkPickDone(b *testing.B) {
	p := newPool(b, Options{Endpoints: literals(4)}, nil)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e, err := p.Pick(nil)
			if err != nil {
				b.Fatal(err)
			}
			e.Done(false)
		}
	})
}

func BenchmarkConnRelease(b *testing.B) {
	s := newLineServer(b, "127.0.0.1:0")
	p := newPool(b, Options{Endpoints: []Address{s.address()}, MaxConnections: 4096}, nil)
	defer p.Retire(nil)
	e := p.Endpoints()[0]
	ctx := context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c, err := p.Conn(ctx, e, false)
			if err != nil {
				b.Fatal(err)
			}
			c.Release()
		}
	})
}

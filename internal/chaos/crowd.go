package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// slowPause lies between two bytes of a slow client, as in common tools for such attacks.
const slowPause = 10 * time.Second

// crowd are slow clients: a third each with a slow head, a slow body, and slow reading.
type crowd struct {
	stop func()
	all  sync.WaitGroup
	open atomic.Int64
}

// gather connects count slow clients, and returns when each has sent its first bytes.
func gather(ctx context.Context, address string, count int) (*crowd, error) {
	ctx, stop := context.WithCancel(ctx)
	c := &crowd{stop: stop}
	begun := make(chan error, count)
	gate := make(chan struct{}, 200) // dials at once
	for i := range count {
		c.all.Go(func() { c.slow(ctx, address, i, gate, begun) })
	}
	for range count {
		if err := <-begun; err != nil {
			c.leave()
			return nil, err
		}
	}
	return c, nil
}

func (c *crowd) leave() { c.stop(); c.all.Wait() }

func (c *crowd) slow(ctx context.Context, address string, i int, gate chan struct{}, begun chan<- error) {
	first := [...]string{
		"GET / HTTP/1.1\r\nHost: slow\r\nX-Slow: ",
		"POST / HTTP/1.1\r\nHost: slow\r\nContent-Length: 1000000\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: slow\r\n\r\n",
	}[i%3]
	gate <- struct{}{}
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10) // a wish
		_, err = io.WriteString(conn, first)
	}
	<-gate
	begun <- err
	if err != nil {
		return
	}
	defer conn.Close()
	c.open.Add(1)
	defer c.open.Add(-1)
	piece := bytes.Repeat([]byte{'x'}, 1)
	tick := time.NewTicker(slowPause + time.Duration(i%1000)*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if i%3 == 2 {
			_, err = conn.Read(make([]byte, 1))
		} else {
			_, err = conn.Write(piece)
		}
		if err != nil {
			return
		}
	}
}

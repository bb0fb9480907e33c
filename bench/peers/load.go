package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"sluice/bench"
)

// echoes sends WebSocket frames of a short text and waits for each to come back, on
// 64 connections.
func echoes(ctx context.Context, address string, d time.Duration) (sample, error) {
	const connections = 64
	deadline := time.Now().Add(d)
	began := time.Now()
	histograms, errs := make([]bench.Histogram, connections), make([]error, connections)
	var wg sync.WaitGroup
	for i := range connections {
		wg.Go(func() { errs[i] = echoOn(ctx, address, deadline, &histograms[i]) })
	}
	wg.Wait()
	var all bench.Histogram
	for i := range histograms {
		all.Merge(&histograms[i])
	}
	s := closedSample(&all, time.Since(began))
	return s, errors.Join(errs...)
}

func closedSample(h *bench.Histogram, elapsed time.Duration) sample {
	return sample{Requests: h.Count(), RPS: float64(h.Count()) / elapsed.Seconds(), P50: ms(h.Quantile(0.5)), P99: ms(h.Quantile(0.99))}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// frame is a masked text of 64 bytes (RFC 6455, 5.2).
var frame = append([]byte{0x81, 0x80 | 64, 1, 2, 3, 4}, make([]byte, 64)...)

func echoOn(ctx context.Context, address string, deadline time.Time, h *bench.Histogram) error {
	conn, br, err := upgrade(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(deadline.Add(10 * time.Second)) // a closed connection fails at the next use
	back := make([]byte, len(frame))
	for time.Now().Before(deadline) && ctx.Err() == nil {
		sent := time.Now()
		if _, err := conn.Write(frame); err != nil {
			return err
		}
		if _, err := io.ReadFull(br, back); err != nil {
			return err
		}
		h.Add(time.Since(sent))
	}
	return nil
}

func upgrade(ctx context.Context, address string) (net.Conn, *bufio.Reader, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	br := bufio.NewReader(conn)
	_, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err == nil {
		var resp *http.Response
		if resp, err = http.ReadResponse(br, nil); err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
			err = fmt.Errorf("WebSocket: status %d", resp.StatusCode)
		}
	}
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, br, nil
}

// openLoop sends small requests at a constant rate; latencies count from when
// each was due.
func openLoop(ctx context.Context, address string, rate float64, d time.Duration) (sample, error) {
	r, err := bench.Run(ctx, bench.LoadOptions{Address: address, Connections: 64, Rate: rate, Duration: d})
	if err != nil {
		return sample{}, err
	}
	s := closedSample(&r.Latency, r.Elapsed)
	s.P999, s.Failed = ms(r.Latency.Quantile(0.999)), r.Failed()+r.Unsent
	return s, nil
}

// keepOpen opens n connections, sends one request on each and leaves them idle.
func keepOpen(ctx context.Context, address string, n int) (release func(), err error) {
	var conns []net.Conn
	release = func() {
		for _, c := range conns {
			c.Close()
		}
	}
	for range n {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return release, err
		}
		conns = append(conns, conn)
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) // a closed connection fails at the next use
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return release, err
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return release, err
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return release, err
		}
	}
	return release, nil
}

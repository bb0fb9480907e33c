package main

import "testing"

func TestReadWrk(t *testing.T) {
	const out = `Running 3s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.50ms    0.90ms  20.00ms   90.00%
    Req/Sec    40.00k     2.00k   45.00k    80.00%
  Latency Distribution
     50%  850.00us
     75%    1.60ms
     90%    2.00ms
     99%    1.25s 
  120000 requests in 3.00s, 20.00MB read
  Socket errors: connect 0, read 1, write 2, timeout 3
  Non-2xx or 3xx responses: 4
Requests/sec:  40000.00
Transfer/sec:      6.67MB
`
	got, err := readWrk([]byte(out))
	want := sample{Requests: 120000, Failed: 10, RPS: 40000, P50: 0.85, P99: 1250}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := readWrk([]byte("unable to connect")); err == nil {
		t.Error("nonsense was read")
	}
}

package bench

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadAnswer(t *testing.T) {
	tests := []struct {
		name, in string
		head     bool
		want     answer
	}{
		{"fixed", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-V: v1\r\n\r\nabc", false, answer{status: 200, label: []byte("v1"), body: 3, keep: true}},
		{"close", "HTTP/1.1 503 No\r\nconnection: foo, Close\r\nContent-Length: 0\r\n\r\n", false, answer{status: 503}},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n", false, answer{status: 200, body: 12, keep: true}},
		{"until close", "HTTP/1.1 200 OK\r\n\r\nabc", false, answer{status: 200, body: 3}},
		{"interim", "HTTP/1.1 100 Continue\r\nX-V: no\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 204 No\r\n\r\n", false, answer{status: 204, keep: true}},
		{"head", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, answer{status: 200, keep: true}},
		{"not modified", "HTTP/1.1 304 Not\r\nContent-Length: 3\r\n\r\n", false, answer{status: 304, keep: true}},
		{"old", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", false, answer{status: 200, body: 1}},
		{"old, kept", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", false, answer{status: 200, body: 1, keep: true}},
		{"switching", "HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n", false, answer{status: 101}},
		{"no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, answer{status: 200, keep: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			br := bufio.NewReader(strings.NewReader(tt.in))
			r := answerReader{countHeader: "x-v"}
			got, err := r.read(br, tt.head)
			if err != nil {
				t.Fatal(err)
			}
			if got.status != tt.want.status || got.body != tt.want.body || got.keep != tt.want.keep || string(got.label) != string(tt.want.label) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if rest, _ := io.ReadAll(br); len(rest) > 0 {
				t.Errorf("left %q", rest)
			}
		})
	}
}

func TestReadBrokenAnswer(t *testing.T) {
	tests := []struct {
		name, in string
		want     error
	}{
		{"nothing", "", io.EOF},
		{"other protocol", "SSH-2.0-OpenSSH\r\n", errAnswer},
		{"status", "HTTP/1.1 abc\r\n\r\n", errAnswer},
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", errAnswer},
		{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", errAnswer},
		{"line", "HTTP/1.1 200 OK\r\nfoo\r\n\r\n", errAnswer},
		{"long line", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 5000) + "\r\n\r\n", errAnswer},
		{"many lines", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", maxHeadLines) + "\r\n", errAnswer},
		{"short body", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx", io.EOF},
		{"chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", errAnswer},
		{"chunk longer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", errAnswer},
		{"chunks cut", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", io.EOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := answerReader{}
			got, err := r.read(bufio.NewReaderSize(strings.NewReader(tt.in), 4096), false)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %+v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestReadAnswerAllocatesNothing(t *testing.T) {
	const one = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-V: v1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	in := strings.NewReader(one)
	br := bufio.NewReader(in)
	r := answerReader{countHeader: "x-v", label: make([]byte, 0, 16)}
	n := testing.AllocsPerRun(100, func() {
		in.Reset(one)
		if _, err := r.read(br, false); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations an answer", n)
	}
}

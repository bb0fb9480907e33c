package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// useUntilTold opens one connection after another and uses each until told to
// close it. It ends without error when no further connection is accepted.
func useUntilTold(address string) (answered int, err error) {
	for {
		conn, err := net.Dial("tcp", address)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return answered, nil
		}
		if err != nil {
			return answered, err
		}
		n, err := useConnection(conn)
		conn.Close()
		answered += n
		if err != nil {
			return answered, err
		}
	}
}

// useConnection sends requests until an answer says Connection: close. A
// connection that was accepted but closed before its first request was ever
// answered is what a closing listener's backlog does; any other break is a failure.
func useConnection(conn net.Conn) (answered int, err error) {
	br := bufio.NewReader(conn)
	for {
		if _, err := io.WriteString(conn, "GET /status/200 HTTP/1.1\r\nHost: shop\r\n\r\n"); err != nil {
			return answered, ifUsed(answered, err)
		}
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			return answered, ifUsed(answered, err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return answered, fmt.Errorf("body after %d answers: %w", answered, err)
		}
		if resp.StatusCode != http.StatusOK {
			return answered, fmt.Errorf("status %d after %d answers", resp.StatusCode, answered)
		}
		answered++
		if resp.Close {
			return answered, nil
		}
	}
}

func ifUsed(answered int, err error) error {
	if answered == 0 && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
		return nil
	}
	return fmt.Errorf("after %d answers on the connection: %w", answered, err)
}

// corrupt overwrites the state file with rubbish.
func corrupt(t *testing.T, p *process) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "state", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no state file in %s (%v)", p.dir, err)
	}
	for _, f := range files {
		if err := os.WriteFile(f, []byte("{not json"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

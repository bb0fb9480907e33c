package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// supervisor is what watches a process, as systemd is one: it holds sockets and hears how the process does.
type supervisor struct {
	t     *testing.T
	conn  *net.UnixConn
	mu    sync.Mutex
	heard []string
}

func supervise(t *testing.T) (*supervisor, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	s := &supervisor{t: t, conn: conn}
	var ended sync.WaitGroup
	t.Cleanup(func() { conn.Close(); ended.Wait() })
	ended.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.heard = append(s.heard, string(buf[:n]))
			s.mu.Unlock()
		}
	})
	return s, path
}

// count is how many messages have a line.
func (s *supervisor) count(line string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.heard {
		if strings.Contains("\n"+m+"\n", "\n"+line+"\n") {
			n++
		}
	}
	return n
}

// passed is a listener's descriptor for another process; the listener stays the test's.
func passed(t *testing.T, ln net.Listener) *os.File {
	t.Helper()
	f, err := ln.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close(); f.Close() })
	return f
}

func listenOn(t *testing.T, network, address string) net.Listener {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// sd_listen_fds(3), sd_notify(3): sockets that are open before the process begins and stay
// open after it ends, over an upgrade too, and a supervisor that is told of every turn.
func TestSocketActivation(t *testing.T) {
	l := found(t, "5s", "")
	tcp, spare := listenOn(t, "tcp", "127.0.0.1:0"), listenOn(t, "tcp", "127.0.0.1:0")
	path := filepath.Join(l.dir, "http.sock")
	local, api := listenOn(t, "unix", path), listenOn(t, "tcp", "127.0.0.1:0")
	l.listen, l.admin = tcp.Addr().String(), api.Addr().String()
	l.configure("5s", bothBy(t, parrot))
	text, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	l.replace(l.config, []byte(strings.Replace(string(text), "admin:", fmt.Sprintf("  - address: \"unix:%s\"\nadmin:", path), 1)), 0o600)
	s, socket := supervise(t)
	l.env = []string{"LISTEN_FDS=4", "LISTEN_FDNAMES=http:local:admin:spare", "NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=100000"}

	early, err := net.Dial("tcp", l.listen) // nobody accepts yet
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	fmt.Fprint(early, "GET /early HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
	l.start(passed(t, tcp), passed(t, local), passed(t, api), passed(t, spare))
	if resp, err := http.ReadResponse(bufio.NewReader(early), nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("who came before the process: %v %v", resp, err)
	}
	l.until("ready", func() bool { return s.count("READY=1") == 1 })
	if !strings.Contains(l.logs(), "inherited socket is not used") || !strings.Contains(l.logs(), "name=spare") {
		t.Error("nothing is said of the socket that no listener uses")
	}
	over := func(network, address string) {
		t.Helper()
		nc, err := net.Dial(network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		fmt.Fprint(nc, "GET /x HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("%s %s: %v %v", network, address, resp, err)
		}
	}
	over("unix", path)
	if l.api("GET", "/readyz", nil, nil) != 200 {
		t.Error("the admin API does not answer on its socket")
	}
	l.signal(syscall.SIGHUP)
	l.until("reloaded", func() bool { return s.count("RELOADING=1") == 1 && s.count("READY=1") == 2 })

	old, young := l.upgrade()
	l.until("the supervisor knows the new process", func() bool { return s.count(fmt.Sprintf("MAINPID=%d\nREADY=1\nWATCHDOG=1", young)) == 1 })
	l.exited(old)
	if s.count("STOPPING=1") != 0 {
		t.Error("the old process told that the service stops")
	}
	over("tcp", l.listen)
	over("unix", path)
	beats := s.count("WATCHDOG=1")
	l.until("the watchdog is fed", func() bool { return s.count("WATCHDOG=1") > beats+3 })
	l.end(young)
	if s.count("STOPPING=1") != 1 {
		t.Error("the end was not told")
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the socket's file belongs to the supervisor: %v", err)
	}
}

// Descriptors that can't be listeners are an error that names them, and nothing is served.
func TestActivationWithWhatIsNoSocket(t *testing.T) {
	l := found(t, "1s", bothBy(t, parrot))
	for name, test := range map[string]struct {
		env  string
		file func() *os.File
		want string
	}{
		"a file": {"LISTEN_FDS=1", func() *os.File {
			f, err := os.Open(l.config)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}, "inherited descriptor 3 (unknown)"},
		"a count": {"LISTEN_FDS=many", nil, `LISTEN_FDS: got "many", want a number`},
		"no note": {"SLUICE_TAKEOVER={}", nil, "SLUICE_TAKEOVER: got"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, l.bin, "run", "--config", l.config)
			cmd.Env = append(os.Environ(), test.env)
			if test.file != nil {
				f := test.file()
				defer f.Close()
				cmd.ExtraFiles = []*os.File{f}
			}
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), test.want) {
				t.Errorf("got %v, %s, want %q", err, out, test.want)
			}
		})
	}
}

// A process that is killed while its successor waits has left it the sockets and the state.
func TestSuccessorOfAProcessThatWasKilled(t *testing.T) {
	l := found(t, "1s", bothBy(t, parrot))
	ln := listenOn(t, "tcp", "127.0.0.1:0")
	l.listen = ln.Addr().String()
	l.configure("1s", bothBy(t, parrot))
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	l.env = []string{fmt.Sprintf(`SLUICE_TAKEOVER={"control":3,"sockets":[{"descriptor":4,"address":%q}]}`, l.listen)}
	begun := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(ours).ReadString('\n')
		begun <- line
		ours.Close() // as a process that dies does
	}()
	l.start(theirs, passed(t, ln))
	theirs.Close()
	select {
	case line := <-begun:
		if line != "ready\n" {
			t.Errorf("the first word was %q", line)
		}
	case <-time.After(patience):
		t.Fatal("no word")
	}
	resp, err := http.Get("http://" + l.listen + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
		t.Errorf("got %d, %v", resp.StatusCode, err)
	}
	l.end(l.pid())
}

package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/config"

	"golang.org/x/sys/unix"
)

// givenBy makes a socket as another process would pass it on.
func givenBy(t *testing.T, network, address string) *givenSocket {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("%s %s: %v", network, address, err) // no IPv6 here
	}
	defer ln.Close()
	unlinks(ln, false)
	file, err := ln.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return &givenSocket{file: file, name: "given"}
}

func portOf(t *testing.T, g *givenSocket) string {
	t.Helper()
	_, port, err := net.SplitHostPort(g.where())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// A socket is used for the addresses that would open the same one, and for no others.
func TestSocketsAreKnownByTheirAddress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	one, all, local := givenBy(t, "tcp", "127.0.0.1:0"), givenBy(t, "tcp", ":0"), givenBy(t, "unix", path)
	for _, test := range []struct {
		g       *givenSocket
		address string
		want    bool
	}{
		{one, "127.0.0.1:" + portOf(t, one), true},
		{one, ":" + portOf(t, one), false},
		{one, "127.0.0.2:" + portOf(t, one), false},
		{one, "127.0.0.1:1", false},
		{one, "unix:" + path, false},
		{one, "no.such.host.invalid:80", false},
		{all, ":" + portOf(t, all), true},
		{all, "127.0.0.1:" + portOf(t, all), false},
		{local, "unix:" + path, true},
		{local, "unix:" + path + "x", false},
	} {
		if got := test.g.listensAt(test.address); got != test.want {
			t.Errorf("%s for %s: got %v", test.g.where(), test.address, got)
		}
	}
}

// A predecessor's socket is used once and then the listener's; systemd's again and again. Two
// listeners on port 0 each get their own back.
func TestSocketsAreInherited(t *testing.T) {
	var s sockets
	first, second, lasting := givenBy(t, "tcp", "127.0.0.1:0"), givenBy(t, "tcp", "127.0.0.1:0"), givenBy(t, "tcp", "127.0.0.1:0")
	first.address, second.address, lasting.lasting = "127.0.0.1:0", "localhost:0", true
	places := []string{first.where(), second.where(), lasting.where()}
	for _, g := range []*givenSocket{second, lasting, first} {
		s.add(g)
	}
	take := func(address string) string {
		t.Helper()
		ln, err := s.inherit(address)
		if err != nil {
			t.Fatal(err)
		}
		if ln == nil {
			return ""
		}
		defer ln.Close()
		return ln.Addr().String()
	}
	for _, test := range []struct{ address, want string }{
		{"127.0.0.1:0", places[0]}, {"127.0.0.1:0", ""}, {"localhost:0", places[1]},
		{places[2], places[2]}, {places[2], places[2]}, {"127.0.0.1:1", ""},
	} {
		if got := take(test.address); got != test.want {
			t.Errorf("%s: got %q, want %q", test.address, got, test.want)
		}
	}
	if !s.lastingAt(places[2]) || s.lastingAt(places[0]) || len(s.lasting()) != 1 {
		t.Error("what is systemd's is mixed up")
	}
}

// What nobody uses is closed if it is ours, and told of if it is systemd's.
func TestSocketsThatNobodyUses(t *testing.T) {
	var s sockets
	ours, theirs := givenBy(t, "tcp", "127.0.0.1:0"), givenBy(t, "tcp", "127.0.0.1:0")
	theirs.lasting = true
	s.add(ours)
	s.add(theirs)
	place := ours.where()
	var log strings.Builder
	s.settle(slog.New(slog.NewTextHandler(&log, nil)))
	if !strings.Contains(log.String(), theirs.where()) || strings.Contains(log.String(), place) {
		t.Errorf("the log says %q", log.String())
	}
	if nc, err := net.Dial("tcp", place); err == nil {
		nc.Close()
		t.Error("clients still wait at a socket that nobody accepts from")
	}
}

// A successor that fails once it holds the sockets leaves their files behind: the process before goes on listening there.
func TestFailedSuccessorLeavesSocketFiles(t *testing.T) {
	s := &stage{dir: t.TempDir()}
	s.path = filepath.Join(s.dir, "sluice.yaml")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	path := filepath.Join(s.dir, "s")
	given := givenBy(t, "unix", path)
	given.address = "unix:" + path
	text := s.file("unix:"+path, "127.0.0.1:0", `"http://127.0.0.1:1"`)
	s.write(t, strings.Replace(text, "}]", fmt.Sprintf("}, {address: %q}]", taken.Addr()), 1))
	cfg, err := config.Load(s.path)
	if err != nil {
		t.Fatal(err)
	}
	before, err := given.file.SyscallConn() // the descriptor of the process before
	if err != nil {
		t.Fatal(err)
	}
	var held int
	if err := before.Control(func(fd uintptr) { held, err = unix.Dup(int(fd)) }); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(held)
	if _, err := newAppOn(&sockets{given: []*givenSocket{given}}, cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Fatalf("got %v, want an error for the address that is taken", err)
	}
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("nobody can connect any more: %v", err)
	}
	nc.Close()
}

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// supervisor is who started the process and wants to hear how it does (sd_notify(3)):
// systemd with Type=notify. The zero value is nobody.
type supervisor struct {
	address  string        // of its datagram socket; "": nobody listens
	watchdog time.Duration // how often it must hear from us; 0: need not
}

// newSupervisor reads the environment. A watchdog that is meant for another process
// is none (sd_watchdog_enabled(3)).
func newSupervisor() supervisor {
	s := supervisor{address: os.Getenv("NOTIFY_SOCKET")}
	pid := os.Getenv("WATCHDOG_PID")
	if usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 && usec < 1<<40 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		s.watchdog = time.Duration(usec) * time.Microsecond
	}
	return s
}

// tell sends a state, as READY=1. A supervisor that can't be reached is not worth an
// error: it will notice by itself.
func (s supervisor) tell(format string, args ...any) {
	if s.address == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.address, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = fmt.Fprintf(conn, format, args...)
}

// ready, reloading and stopping are the states of a service that systemd knows. What
// reloads must be ready afterwards, whether the reload went well or not.
func (s supervisor) ready(status string) { s.tell("READY=1\nSTATUS=%s", status) }

func (s supervisor) reloading() {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) == nil {
		s.tell("RELOADING=1\nMONOTONIC_USEC=%d\nSTATUS=reloading", now.Nano()/1000)
	}
}

func (s supervisor) stopping(status string) { s.tell("STOPPING=1\nSTATUS=%s", status) }

// guard feeds the watchdog at twice the rate it asks for, each time after alive has returned,
// until ctx ends.
func (s supervisor) guard(ctx context.Context, alive func()) error {
	if s.watchdog == 0 || s.address == "" {
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(s.watchdog / 2)
	defer ticker.Stop()
	for {
		alive()
		s.tell("WATCHDOG=1")
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"sluice/admin"

	"golang.org/x/sys/unix"
)

// givenAway are the parts that stop, in this order, before a successor may begin: those that
// write the state or steer by it. The proxy serves on all the while, and trips cut.
var givenAway = []string{"admin", "metrics", "experiments", "controller", "recording"}

// handOver gives s the state and waits until it serves. After an error the parts that
// were stopped run again, with what they knew.
func (a *app) handOver(ctx context.Context, parts *lifetimes, s *successor) error {
	a.unlinkSockets(false) // they are the successor's from now on
	for _, name := range givenAway {
		if err := parts.halt(name); err != nil {
			a.logger.Error("part ended with an error before the upgrade", "error", err)
		}
	}
	err := errEnded
	if _, gone := io.WriteString(s.control, wordState+"\n"); gone == nil {
		err = s.expect(ctx, wordServing, servingTimeout)
	}
	if err == nil {
		a.logger.Info("upgraded, draining", "successor", s.process.Pid)
		// What the successor told before this did not count; its next word may be half a period away.
		a.supervisor.tell("MAINPID=%d\nREADY=1\nWATCHDOG=1\nSTATUS=upgraded", s.process.Pid)
		return nil
	}
	err = s.end(err)
	a.controller.TakeBack() // before anybody can command it
	if again := a.readmit(s); again != nil {
		a.logger.Error("admin API is lost until the next upgrade or restart", "error", again)
	}
	a.unlinkSockets(true)
	parts.revive(context.WithoutCancel(ctx), givenAway...)
	return err
}

// readmit makes a listener of the copy of the admin socket, whose original was
// closed when the part stopped.
func (a *app) readmit(s *successor) error {
	cfg := a.config.Load().Admin
	for i := range s.passed {
		p := &s.passed[i]
		if p.Address == cfg.Address && !p.Lasting {
			fd, err := unix.FcntlInt(uintptr(p.copy), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				return err
			}
			a.sockets.add(&givenSocket{file: os.NewFile(uintptr(fd), p.Address), address: p.Address})
			break
		}
	}
	ln, err := admin.ListenOn(cfg, a.sockets.inherit)
	if err != nil {
		return err
	}
	a.adminHost.replace(cfg.Address, ln)
	return nil
}

// listening are all open listeners with their configured addresses.
func (a *app) listening() map[string]net.Listener {
	all := map[string]net.Listener{}
	for _, s := range a.proxy.Sockets() {
		all[s.Address] = s.Listener
	}
	if address, ln := a.adminHost.socket(); ln != nil {
		all[address] = ln
	}
	return all
}

// unlinkSockets says whether closing our own Unix sockets removes their files.
func (a *app) unlinkSockets(remove bool) {
	for address, ln := range a.listening() {
		if !a.sockets.lastingAt(address) {
			unlinks(ln, remove)
		}
	}
}

// passSockets copies the descriptors of what we listen on, and of what systemd gave us.
func (a *app) passSockets() (all []passedSocket, err error) {
	for _, g := range a.sockets.lasting() {
		fd, err := copyDescriptor(g.file)
		if err != nil {
			return all, fmt.Errorf("socket %s: %w", g.name, err)
		}
		all = append(all, passedSocket{Name: g.name, Lasting: true, copy: fd})
	}
	for address, ln := range a.listening() {
		if a.sockets.lastingAt(address) {
			continue
		}
		conn, ok := ln.(syscall.Conn)
		if !ok {
			return all, fmt.Errorf("socket %s can't be passed on", address)
		}
		fd, err := copyDescriptor(conn)
		if err != nil {
			return all, fmt.Errorf("socket %s: %w", address, err)
		}
		all = append(all, passedSocket{Name: address, Address: address, copy: fd})
	}
	return all, nil
}

// copyDescriptor does not go by File or Fd, which would make the socket blocking for all who share it.
func copyDescriptor(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	var failed error
	err = raw.Control(func(own uintptr) { fd, failed = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = failed
	}
	return fd, err
}

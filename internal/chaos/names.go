package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"sluice/internal/backend"
	"sluice/internal/trial"
)

// nameServer answers every question for an address with one, or as its mode says.
type nameServer struct {
	conn    net.PacketConn
	mode    atomic.Int32
	address atomic.Pointer[net.IP]
	asked   atomic.Uint64
}

const (
	answering int32 = iota
	failing         // SERVFAIL
	unknown         // NXDOMAIN
	silent
)

// nameServerAddress is one of loopback that nothing else uses; resolv.conf knows no ports.
const nameServerAddress = "127.0.77.53"

func startNameServer() (*nameServer, error) {
	conn, err := net.ListenPacket("udp", nameServerAddress+":53")
	if err != nil {
		return nil, err
	}
	n := &nameServer{conn: conn}
	go n.serve() // ends when conn is closed
	return n, nil
}

func (n *nameServer) is(mode int32, address string) {
	ip := net.ParseIP(address).To4()
	n.address.Store(&ip)
	n.mode.Store(mode)
}

func (n *nameServer) serve() {
	buf := make([]byte, 1500)
	for {
		k, from, err := n.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		n.asked.Add(1)
		if answer := n.answer(buf[:k]); answer != nil {
			_, _ = n.conn.WriteTo(answer, from) // the client asks again
		}
	}
}

// answer repeats the question (RFC 1035 section 4.1), with one record if it asks for type A.
func (n *nameServer) answer(question []byte) []byte {
	mode := n.mode.Load()
	end := 12
	for end < len(question) && question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 5 // the root label, type and class
	if end > len(question) || mode == silent {
		return nil
	}
	out := append([]byte(nil), question[:end]...)
	code := map[int32]uint16{answering: 0, failing: 2, unknown: 3}[mode]
	binary.BigEndian.PutUint16(out[2:], 0x8180|code)
	for i := 6; i < 12; i++ { // no answers, authorities, additional records
		out[i] = 0
	}
	if mode == answering && binary.BigEndian.Uint16(out[end-4:]) == 1 {
		out[7] = 1
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4)
		out = append(out, *n.address.Load()...)
	}
	return out
}

// dns lets the name server of an endpoint fail, fall silent, forget the name, and move it.
func (l *lab) dns() error {
	if why := mayMount(); why != "" || l.short {
		if l.short {
			why = "left out by -short"
		}
		l.table.Skip("name server fails", why)
		return nil
	}
	names, err := startNameServer()
	if err != nil {
		l.table.Skip("name server fails", err.Error())
		return nil
	}
	defer names.conn.Close()
	old, err := server("old", 100)
	if err != nil {
		return err
	}
	defer old.Close()
	_, port, err := net.SplitHostPort(old.Addr())
	if err != nil {
		return err
	}
	moved, err := backend.Start(backend.Options{Name: "moved", Address: "127.0.0.2:" + port})
	if err != nil {
		return err
	}
	defer moved.Close()
	resolv := filepath.Join(l.dir, "resolv.conf")
	if err := os.WriteFile(resolv, []byte("nameserver "+nameServerAddress+"\noptions timeout:1 attempts:1\n"), 0o644); err != nil {
		return err
	}
	names.is(failing, "127.0.0.1")
	p, err := l.start(shop(patient, "http://shop.sluice.test:"+port), private(fmt.Sprintf("mount --bind '%s' /etc/resolv.conf", resolv)))
	if err != nil {
		return err
	}
	defer p.Kill()
	return l.loseNames(p, names)
}

// loseNames goes through what may become of the name server.
func (l *lab) loseNames(p *trial.Process, names *nameServer) error {
	report, err := l.load(p.Listen, 50, time.Second)
	if err != nil {
		return err
	}
	l.table.Judge("name unknown since the start: clean 503", report.Status[503] == report.Requests && report.Requests > 0, outcome(&report), fmt.Sprintf("all of %d", report.Requests))
	names.is(answering, "127.0.0.1")
	if err := l.recovers("name server back: good answers", p, 5*time.Second); err != nil {
		return err
	}
	for _, c := range []struct {
		name string
		mode int32
	}{{"answers SERVFAIL", failing}, {"is silent", silent}, {"denies the name", unknown}} {
		names.is(c.mode, "127.0.0.1")
		before := names.asked.Load()
		if report, err = l.load(p.Listen, 100, 14*time.Second); err != nil { // longer than addresses are looked up anew
			return err
		}
		l.none("name server "+c.name+" for 14 s: failed requests", &report)
		l.table.Judge("name server "+c.name+": was asked meanwhile", names.asked.Load() > before, names.asked.Load()-before, "> 0")
	}
	names.is(answering, "127.0.0.2")
	if report, err = l.load(p.Listen, 100, 16*time.Second); err != nil {
		return err
	}
	l.none("name moved to another address: failed requests", &report)
	l.table.Judge("name moved to another address: traffic follows", report.Labels["moved"] > 0, report.Labels["moved"], "> 0")
	return nil
}

package conformance

import (
	"bufio"
	"encoding/binary"
	"io"
)

// Opcodes of RFC 6455, 5.2.
const (
	wsContinuation = 0x0
	wsText         = 0x1
	wsBinary       = 0x2
	wsClose        = 0x8
	wsPing         = 0x9
	wsPong         = 0xA
)

// frame is one WebSocket frame. What stands between two ends must not see it at
// all: it passes as bytes.
type frame struct {
	final   bool
	opcode  byte
	payload []byte
}

// append serialises f, masked as a client's must be.
func (f *frame) append(dst []byte, masked bool) []byte {
	first := f.opcode
	if f.final {
		first |= 0x80
	}
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	switch n := len(f.payload); {
	case n < 126:
		dst = append(dst, first, mask|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, mask|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, mask|127), uint64(n))
	}
	if !masked {
		return append(dst, f.payload...)
	}
	key := [4]byte{0xde, 0xad, 0xbe, 0xef}
	dst = append(dst, key[:]...)
	for i, b := range f.payload {
		dst = append(dst, b^key[i%4])
	}
	return dst
}

// readFrame reads one frame and takes its mask off.
func readFrame(br *bufio.Reader) (*frame, error) {
	var head [14]byte
	if _, err := io.ReadFull(br, head[:2]); err != nil {
		return nil, err
	}
	f := &frame{final: head[0]&0x80 != 0, opcode: head[0] & 0x0f}
	masked, n := head[1]&0x80 != 0, uint64(head[1]&0x7f)
	switch n {
	case 126:
		if _, err := io.ReadFull(br, head[:2]); err != nil {
			return nil, err
		}
		n = uint64(binary.BigEndian.Uint16(head[:2]))
	case 127:
		if _, err := io.ReadFull(br, head[:8]); err != nil {
			return nil, err
		}
		n = binary.BigEndian.Uint64(head[:8])
	}
	var key [4]byte
	if masked {
		if _, err := io.ReadFull(br, key[:]); err != nil {
			return nil, err
		}
	}
	f.payload = make([]byte, n)
	_, err := io.ReadFull(br, f.payload)
	for i := range f.payload {
		f.payload[i] ^= key[i%4]
	}
	return f, err
}

//go:build !linux

package proxy

// pipes are none here: bytes are copied. See splice_pipes_linux.go.
type pipes struct{}

func (*pipes) close() {}

func (x *exchange) splice() error { return nil }

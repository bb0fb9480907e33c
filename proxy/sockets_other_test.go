//go:build !linux

package proxy

import (
	"net"
	"testing"
)

// delivered has no way to find out here: on the loopback bytes arrive at once.
func delivered(testing.TB, net.Conn) {}

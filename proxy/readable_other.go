//go:build !linux

package proxy

import (
	"errors"
	"net"
)

// canRest says whether untilReadable works here.
const canRest = false

func untilReadable(net.Conn) (func() error, error) { return nil, errors.ErrUnsupported }

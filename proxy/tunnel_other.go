//go:build !linux

package proxy

import "time"

// limitStall knows no way here: see tunnel_linux.go for what it is good for.
func limitStall(any, time.Duration) {}

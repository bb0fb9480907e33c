//go:build !linux

package proxy

import "net"

// Elsewhere package net gives every connection its keep-alive.

func listenTCP(address string) (net.Listener, error) { return net.Listen("tcp", address) }

func endow(net.Listener) keeping { return keptByGo }

func hasKeepAlive(*net.TCPConn) bool { return false }

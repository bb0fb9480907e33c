// Package proxy serves requests: listeners, the HTTP/1 engine, the exchange
// policy (attempts, retry, shield, mirror), tunnels, access log, draining.
// Server.Run owns every goroutine of the data plane.
package proxy

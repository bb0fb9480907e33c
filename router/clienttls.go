package router

import (
	"crypto/tls"

	"sluice/config"
	"sluice/upstream"
)

// clientTLS reads the files that an https endpoint is verified with, and the
// identity under which its connections are carried over a reload.
func clientTLS(c config.UpstreamTLS) (*tls.Config, string, error) {
	return upstream.TLSConfig(c.CA, c.Cert, c.Key, c.ServerName)
}

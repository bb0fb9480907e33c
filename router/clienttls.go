package router

import (
	"crypto/tls"
	"errors"

	"sluice/config"
)

// clientTLS reads the files that an https endpoint is verified with, and the
// identity under which its connections are carried over a reload.
func clientTLS(c config.UpstreamTLS) (*tls.Config, string, error) {
	return nil, "", errors.New("upstream tls files are not read yet")
}

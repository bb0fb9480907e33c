package proxy

import (
	"log/slog"
	"net"
	"net/netip"
	"time"

	"sluice/router"
)

// Options of a Server.
type Options struct {
	Live      *router.Live
	AccessLog *AccessLog   // nil: none
	Logger    *slog.Logger // nil discards
	// Inherit returns a listener for an address on a socket that is open already, or nil;
	// the server owns it then. nil: none is. See Sockets.
	Inherit func(address string) (net.Listener, error)
}

// Settings hold for all requests and may change at a reload. Zero durations
// and sizes stand for the defaults.
type Settings struct {
	HeadTimeout      time.Duration // a client's whole request head, TLS handshake apart; default 10s
	KeepAliveTimeout time.Duration // idle client connection; default 60s
	BodyTimeout      time.Duration // between two reads of a client's body; default 30s
	WriteTimeout     time.Duration // for a write to a client that does not read; default 30s, may take half as long again
	MinBodyRate      int64         // bytes/s a client must keep up in its body after BodyTimeout; 0: no limit
	MaxHeadBytes     int           // 431 above; default 32 KiB
	MaxHeaders       int           // lines, 431 above; default 100
	MaxConnections   int           // over all listeners; 0: no limit
	TrustedProxies   []netip.Prefix
	Via              string // name in Via; "" sends none
	Underscores      bool   // let header names with '_' pass
}

func (st Settings) withDefaults() *Settings {
	st.HeadTimeout = defaultTo(st.HeadTimeout, 10*time.Second)
	st.KeepAliveTimeout = defaultTo(st.KeepAliveTimeout, time.Minute)
	st.BodyTimeout = defaultTo(st.BodyTimeout, 30*time.Second)
	st.WriteTimeout = defaultTo(st.WriteTimeout, 30*time.Second)
	st.MaxHeadBytes = defaultTo(st.MaxHeadBytes, 32<<10)
	st.MaxHeaders = defaultTo(st.MaxHeaders, 100)
	return &st
}

func defaultTo[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// tooSlow reports whether a client that has been waited for so long (ns) should
// have sent more of its body.
func (st *Settings) tooSlow(sent, waited int64) bool {
	return st.MinBodyRate > 0 && waited > int64(st.BodyTimeout) && float64(sent) < float64(st.MinBodyRate)*float64(waited)/1e9
}

func (st *Settings) trusts(a netip.Addr) bool {
	for _, p := range st.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

package admin

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"sluice/config"
)

// checkHost refuses names that this listener is not known by. A page of another
// site can make its own name point here (DNS rebinding), and the browser then
// takes the API for that site's; but it cannot change the Host it sends.
func checkHost(r *http.Request, admin config.Admin) error {
	local := localAddr(r)
	if _, unix := local.(*net.UnixAddr); unix || r.Host == "" {
		return nil // no browser gets here: none speaks to Unix sockets, none leaves Host out
	}
	host := bareHost(r.Host)
	if hostAllowed(host, admin, local) {
		return nil
	}
	return kindHost.problem("Host %s is not known here; admin.allowed_hosts may name it", printable(host))
}

func hostAllowed(host string, admin config.Admin, local net.Addr) bool {
	configured := bareHost(admin.Address)
	if host == "localhost" || host == configured {
		return true
	}
	if slices.ContainsFunc(admin.AllowedHosts, func(h string) bool { return bareHost(h) == host }) {
		return true
	}
	if public, err := url.Parse(admin.PublicURL); err == nil && public.Host != "" && bareHost(public.Host) == host {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	// An address cannot be rebound. Where the listener is open to all
	// interfaces, any of the machine's, also translated ones, may lead here.
	if addr.IsLoopback() || wildcard(configured) {
		return true
	}
	tcp, ok := local.(*net.TCPAddr)
	return ok && tcp.AddrPort().Addr().Unmap().WithZone("") == addr.Unmap().WithZone("")
}

func wildcard(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

// bareHost is the lower-case host of an authority, without port, brackets and
// the root's dot.
func bareHost(authority string) string {
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(authority, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// checkSite refuses what a page of another site makes the browser send. What
// changes nothing is refused only as a hidden request (an image, a script, an
// event stream): following a link from a chat is fine, running a CPU profile
// from an <img> is not.
func (s *Server) checkSite(r *http.Request, admin config.Admin) error {
	if err := s.origin.Check(r); err != nil && !fromPublicURL(r, admin) {
		return kindCrossSite.problem("the request comes from another site (Sec-Fetch-Site %s, Origin %s)",
			printable(r.Header.Get("Sec-Fetch-Site")), printable(r.Header.Get("Origin")))
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		return kindCrossSite.problem("another site's page may not read this")
	}
	return nil
}

// fromPublicURL reports whether a browser without Sec-Fetch-Site, which is any where the page
// has no TLS, tells the origin of public_url: a proxy there may send us another Host.
func fromPublicURL(r *http.Request, admin config.Admin) bool {
	public, err := url.Parse(admin.PublicURL)
	return err == nil && public.Host != "" && r.Header.Get("Sec-Fetch-Site") == "" &&
		strings.EqualFold(r.Header.Get("Origin"), public.Scheme+"://"+public.Host)
}

package config

import (
	"net/netip"
	"strings"
)

// validate checks what no value can be checked for by itself. It changes
// nothing, and skips what depends on values that are not known because
// expansion is off.
func (d *decoder) validate(c *Config) {
	d.validateAddresses(c)
	d.validateAdmin(&c.Admin)
	seen := map[string]string{}
	for i := range c.Services {
		path := element("services", i)
		d.unique(seen, c.Services[i].Name, path+".name", "service")
		d.validateService(&c.Services[i], path)
	}
	d.validateRoutes(c.Services)
	d.validatePreviews(c)
}

// validatePreviews finds listeners that lead to no canary, and listeners that lead nobody else anywhere.
func (d *decoder) validatePreviews(c *Config) {
	ordinary := len(c.Listeners) == 0
	for i, l := range c.Listeners {
		path := element("listeners", i) + ".preview"
		ordinary = ordinary || l.Preview == ""
		if l.Preview != "" && !d.opaque(path) {
			d.previewed(c.Services, l.Preview, path)
		}
	}
	if !ordinary {
		d.fault("listeners", "all of them are previews, want one more that users come in by")
	}
}

func (d *decoder) previewed(services []Service, name, path string) {
	var all []string
	for i := range services {
		at := element("services", i)
		if d.wrongOrOpaque(at + ".name") {
			return
		}
		if services[i].Name != name {
			all = append(all, services[i].Name)
			continue
		}
		if services[i].Rollout == nil && !d.stands(at+".rollout") {
			d.fault(path, "service %s has no rollout, so there is no canary to see", quote(name))
		}
		return
	}
	d.fault(path, "got %s, want one of the services %s%s", quote(name), strings.Join(all[:min(len(all), 10)], ", "), didYouMean(name, all))
}

// unique notes a fault if name was seen before; empty names have faults of their own.
func (d *decoder) unique(seen map[string]string, name, path, what string) {
	if name == "" {
		return
	}
	if first, dup := seen[name]; dup {
		d.fault(path, "%s %s stands here again, first as %s", what, quote(name), first)
		return
	}
	seen[name] = path
}

const maxListeners = 256

// validateAddresses finds sockets that could not both be opened.
func (d *decoder) validateAddresses(c *Config) {
	if len(c.Listeners) > maxListeners {
		d.fault("listeners", "got %d, want at most %d", len(c.Listeners), maxListeners)
		return
	}
	type socket struct{ address, path string }
	var open []socket
	for i, l := range c.Listeners {
		open = append(open, socket{l.Address, element("listeners", i) + ".address"})
	}
	if d.stands("admin.address") || !d.stands("listeners") {
		open = append(open, socket{c.Admin.Address, "admin.address"})
	} else {
		open = append([]socket{{c.Admin.Address, "admin.address (default)"}}, open...)
	}
	for i, s := range open {
		if d.opaque(s.path) {
			continue
		}
		for _, other := range open[:i] {
			if sameSocket(s.address, other.address) {
				d.fault(s.path, "got %s, which %s (%s) takes already", quote(s.address), other.path, other.address)
				break
			}
		}
	}
}

// sameSocket reports whether a and b cannot be listened on side by side: the
// same port with the same host, or with one that listens on all addresses. Port 0 is any free one.
func sameSocket(a, b string) bool {
	if strings.HasPrefix(a, "unix:") || strings.HasPrefix(b, "unix:") {
		return a == b && a != ""
	}
	hostA, portA, okA := splitAddress(a)
	hostB, portB, okB := splitAddress(b)
	if !okA || !okB || strings.TrimLeft(portA, "0") != strings.TrimLeft(portB, "0") || strings.Trim(portA, "0") == "" {
		return false
	}
	return wildcard(hostA) || wildcard(hostB) || strings.EqualFold(hostA, hostB)
}

func wildcard(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

// Loopback reports whether address, as of a listener, can be reached from this
// machine only: a loopback address, localhost, or a Unix socket.
func Loopback(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	host, _, ok := splitAddress(address)
	if !ok {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

func (d *decoder) validateAdmin(a *Admin) {
	names, secrets := map[string]string{}, map[string]string{}
	for i, t := range a.Tokens {
		path := element("admin.tokens", i)
		d.unique(names, t.Name, path+".name", "token")
		if first, dup := secrets[t.Secret.Reveal()]; dup && t.Secret != "" && !d.opaque(path+".secret") {
			d.fault(path+".secret", "the same secret as %s", first)
		}
		secrets[t.Secret.Reveal()] = path
	}
	if d.opaque("admin.address") || d.faulty("admin.address") || Loopback(a.Address) {
		return
	}
	if a.TLS == nil {
		d.fault("admin.address", "got %s, which others can reach: that needs tls, else use loopback or a Unix socket", quote(a.Address))
	}
	if len(a.Tokens) == 0 && (a.TLS == nil || a.TLS.ClientCA == "") {
		d.fault("admin.address", "got %s, which others can reach: that needs tokens or tls.client_ca, else use loopback or a Unix socket", quote(a.Address))
	}
}

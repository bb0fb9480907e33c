package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"sluice/config"
)

// identity is who calls. The zero value is nobody and may do nothing.
type identity struct {
	name  string // a token's name, "session:<token's name>", "cert:<CN>" or "local"
	role  config.Role
	token bool // by a token, or by a session that was begun with one
}

// rank orders the roles; what is no role may do nothing.
func rank(r config.Role) int {
	switch r {
	case config.RoleViewer:
		return 1
	case config.RoleOperator:
		return 2
	case config.RoleAdmin:
		return 3
	}
	return 0
}

// authorise finds out who calls and whether they have the role.
func (s *Server) authorise(c *call, admin config.Admin, need config.Role) error {
	who, err := s.caller(c.r, admin)
	c.who = who
	if err != nil {
		return err
	}
	if rank(who.role) < rank(need) {
		return kindForbidden.problem("%s has role %s, want %s", who.name, who.role, need)
	}
	return nil
}

// caller says who calls: by a session's cookie, which nobody can guess, or by what authenticate takes.
func (s *Server) caller(r *http.Request, admin config.Admin) (who identity, err error) {
	if who, ok := s.sessionOf(r, admin, true); ok {
		return who, ownPage(r)
	}
	err = s.guess(r, r.Header.Get("Authorization") != "", func() (err error) {
		who, err = authenticate(r, admin)
		return err
	})
	return who, err
}

// guess lets check look at what the caller presents, unless that is a token (secret) and too many
// from its address were refused. A refused token counts. Without one there is nothing to guess: a
// certificate's holder is not kept out by what others of the address present.
func (s *Server) guess(r *http.Request, secret bool, check func() error) error {
	remote, limited := throttleKey(r)
	limited = limited && secret
	if limited {
		if wait := s.throttle.wait(remote); wait > 0 {
			seconds := int(math.Ceil(wait.Seconds()))
			return kindThrottled.problem("too many refused tokens from this address, try again in %d s", seconds).
				with("Retry-After", strconv.Itoa(seconds))
		}
	}
	err := check()
	if err != nil && limited {
		s.throttle.failed(remote)
	}
	return err
}

// authenticate says who calls. Without tokens and client_ca whoever reaches the
// loopback or Unix socket is the local admin. A client certificate verified
// against client_ca is an operator; a token sent along decides alone.
func authenticate(r *http.Request, admin config.Admin) (identity, error) {
	mutual := admin.TLS != nil && admin.TLS.ClientCA != ""
	if len(admin.Tokens) == 0 && !mutual {
		if isLocal(r) {
			return identity{name: "local", role: config.RoleAdmin}, nil
		}
		return identity{}, challenge("this address is not loopback and no token is configured")
	}
	if header := r.Header.Get("Authorization"); header != "" && len(admin.Tokens) > 0 {
		scheme, secret, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return identity{}, challenge("the Authorization scheme is not Bearer")
		}
		t, err := tokenOf(strings.TrimSpace(secret), admin.Tokens)
		return identity{name: t.Name, role: t.Role, token: true}, err
	}
	if mutual && r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		name := r.TLS.VerifiedChains[0][0].Subject.CommonName
		return identity{name: "cert:" + printable(name), role: config.RoleOperator}, nil
	}
	if _, err := r.Cookie(sessionCookie(r)); err == nil && len(admin.Tokens) > 0 {
		return identity{}, challenge("the session is over, sign in again")
	}
	return identity{}, challenge("send Authorization: Bearer with a token")
}

func challenge(detail string) *problem {
	return kindUnauthorized.problem("%s", detail).with("WWW-Authenticate", `Bearer realm="sluice"`)
}

// tokenOf compares secret with every token in constant time: neither how much
// of a secret is right nor which token it resembles shows in the time taken.
// Hashing first makes the lengths equal.
func tokenOf(secret string, tokens []config.Token) (config.Token, error) {
	got := sha256.Sum256([]byte(secret))
	found := -1
	for i, t := range tokens {
		want := sha256.Sum256([]byte(t.Secret.Reveal()))
		usable := 1
		if t.Secret == "" {
			usable = 0 // config refuses it; a token without a secret must not match an empty one
		}
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(got[:], want[:])&usable, i, found)
	}
	if found < 0 {
		return config.Token{}, challenge("the token is not known").
			with("WWW-Authenticate", `Bearer realm="sluice", error="invalid_token"`)
	}
	return tokens[found], nil
}

// isLocal reports whether the connection was made to a loopback or Unix
// socket. It guards against a reload that removes the tokens of an address
// which is open to others.
func isLocal(r *http.Request) bool {
	switch a := localAddr(r).(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		remote, err := netip.ParseAddrPort(r.RemoteAddr)
		return a.IP.IsLoopback() && err == nil && remote.Addr().Unmap().IsLoopback()
	}
	return false
}

func localAddr(r *http.Request) net.Addr {
	a, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return a
}

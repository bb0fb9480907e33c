package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sluice/config"
)

// sessionCookie is the name of the cookie that pages of this server have, as the caller reaches it. Browsers share cookies
// between the ports of a host, so the name tells servers apart: by the address asked for, which differs where
// ports of one machine, or a container's published ports, lead to several, and by the port listened on, which differs
// where a proxy in front sends all of them the same Host. Every request of a page has both in common.
func sessionCookie(r *http.Request) string {
	at := strings.ToLower(r.Host) + "|"
	switch local := localAddr(r).(type) {
	case *net.TCPAddr:
		at += strconv.Itoa(local.Port)
	case *net.UnixAddr:
		at += local.Name
	}
	sum := sha256.Sum256([]byte(at))
	return "sluice_session_" + hex.EncodeToString(sum[:4])
}

// sessionView tells a page who it acts for.
type sessionView struct {
	Role    config.Role `json:"role"` // "": nobody, sign in first
	Name    string      `json:"name"`
	Needed  bool        `json:"needed"`  // whether acting takes a token; false: whoever gets here has the role
	Version string      `json:"version"` // of sluice; "" for nobody
}

// getSession says who the caller is, also to nobody.
func (s *Server) getSession(c *call) error {
	who, err := s.caller(c.r, s.o.Config().Admin)
	if err != nil && c.r.Header.Get("Authorization") != "" {
		return err
	}
	if err != nil {
		return c.json(sessionView{Needed: true})
	}
	return c.json(s.viewOfSession(who))
}

func (s *Server) viewOfSession(who identity) sessionView {
	return sessionView{
		Role: who.role, Name: strings.TrimPrefix(who.name, "session:"), Needed: who.token, Version: s.o.BuildVersion,
	}
}

// postSession takes a token and gives a cookie for it, so that a page need not keep the
// token where scripts can read it.
func (s *Server) postSession(c *call) error {
	tokens := s.o.Config().Admin.Tokens
	if len(tokens) == 0 {
		return kindConflict.problem("no token is configured (admin.tokens), so there is nothing to sign in with")
	}
	var token config.Token
	err := s.guess(c.r, true, func() (err error) { // a body that is no token counts as a wrong one
		var secret string
		if err := c.object(map[string]any{"token": &secret}); err != nil {
			return err
		}
		token, err = tokenOf(strings.TrimSpace(secret), tokens)
		return err
	})
	if err != nil {
		return err
	}
	c.who = identity{name: token.Name, role: token.Role, token: true}
	s.endSessions(c.r)
	c.setSession(s.sessions.begin(token, time.Now()), 0)
	c.audit.after = "signed in"
	return c.json(s.viewOfSession(c.who))
}

// deleteSession signs the caller out; without a session it does nothing.
func (s *Server) deleteSession(c *call) error {
	if who, ok := s.sessionOf(c.r, s.o.Config().Admin, true); ok {
		c.who = who
		if err := ownPage(c.r); err != nil {
			return err
		}
		s.endSessions(c.r)
		c.audit.after = "signed out"
	}
	c.setSession("", -1)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) endSessions(r *http.Request) {
	for _, cookie := range r.CookiesNamed(sessionCookie(r)) {
		s.sessions.end(cookie.Value)
	}
}

// setSession sets the cookie, or (maxAge -1) takes it back. It has no Path: the browser then
// takes the folder of the address that it asked (RFC 6265, 5.1.4), which a proxy in front may
// have taken off. It ends with the browser.
func (c *call) setSession(id string, maxAge int) {
	http.SetCookie(c.w, &http.Cookie{
		Name: sessionCookie(c.r), Value: id, MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		// A proxy in front may have taken TLS off; the page's origin is the browser's own word.
		Secure: c.r.TLS != nil || strings.HasPrefix(c.r.Header.Get("Origin"), "https://"),
	})
}

// sessionOf says for whom the cookie of a request acts. A bearer token sent along decides alone.
func (s *Server) sessionOf(r *http.Request, admin config.Admin, used bool) (identity, bool) {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if len(admin.Tokens) == 0 || strings.EqualFold(scheme, "Bearer") {
		return identity{}, false
	}
	for _, cookie := range r.CookiesNamed(sessionCookie(r)) {
		if who, ok := s.sessions.find(cookie.Value, admin.Tokens, time.Now(), used); ok {
			return who, true
		}
	}
	return identity{}, false
}

// ownPage refuses what another page makes the browser do with its cookie. It is stricter than
// checkSite, as ports and sibling names share cookies: what changes something must prove
// where it comes from, and what reads must not be hidden in another page.
func ownPage(r *http.Request) error {
	site := r.Header.Get("Sec-Fetch-Site")
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case site == "same-origin":
		return nil
	case safe && (site == "" || site == "none" || r.Header.Get("Sec-Fetch-Mode") == "navigate"):
		return nil
	case site == "" && r.Header.Get("Origin") != "": // checkSite compared it with Host
		return nil
	}
	return kindCrossSite.problem("a session acts for its own page alone (Sec-Fetch-Site %s, Origin %s); others send a bearer token",
		printable(site), printable(r.Header.Get("Origin")))
}

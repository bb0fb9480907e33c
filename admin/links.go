package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/config"
	"sluice/rollout"
)

const linksPath = "/links/"

// Links are the URLs that approve a rollout's gate and that abort the rollout, to
// be sent to people: who holds one may do that one thing, without a token. Both
// are void once the gate is passed, one of them was used, or a day is over. They
// lead to admin.public_url; without one, or without a gate, there are none ("").
// Safe for concurrent use.
func (s *Server) Links(service, runID, gate string) (approve, abort string) {
	cfg := s.o.Config()
	if cfg == nil || cfg.Admin.PublicURL == "" || runID == "" || gate == "" {
		return "", ""
	}
	claim := linkClaim{Service: service, Run: runID, Gate: gate, Expires: time.Now().Add(linkLife).UnixMilli()}
	base := strings.TrimSuffix(cfg.Admin.PublicURL, "/") + linksPath
	claim.Action = linkApprove
	approve = base + s.links.key.token(claim)
	claim.Action = linkAbort
	return approve, base + s.links.key.token(claim)
}

// getLink shows what a link would do. It changes nothing, however often it is
// asked: chat programs fetch what is sent through them.
func (s *Server) getLink(c *call) error {
	claim, st, page := s.linkOf(c)
	if page == nil {
		page = askPage(claim, st)
	}
	return c.page(page)
}

// postLink does what the link says, once.
func (s *Server) postLink(c *call) error {
	claim, st, page := s.linkOf(c)
	if page != nil {
		return c.page(page)
	}
	reason, page := linkReason(c)
	if page != nil {
		return c.page(page)
	}
	c.who = identity{name: "link:" + claim.Action, role: config.RoleOperator}
	c.audit.before, c.audit.reason = rolloutSummary(st), reason
	after, err := s.o.Controller.RolloutVerb(rollout.Command{
		Service: claim.Service, By: c.who.name, Reason: reason, Run: claim.Run, Gate: claim.Gate,
	}, claim.verb())
	if err != nil {
		return c.page(s.refusedPage(c, claim, err))
	}
	c.audit.after = claim.Action + ": " + rolloutSummary(after)
	if err := s.links.spend(claim, time.Now()); err != nil {
		c.log.Warn("used link not kept", "error", err)
	}
	return c.page(donePage(claim, after))
}

func (l linkClaim) verb() string {
	if l.Action == linkAbort {
		return rollout.VerbAbort
	}
	return rollout.VerbPromote
}

// linkOf reads the link that the path holds, or gives the page that says why it is not good.
func (s *Server) linkOf(c *call) (linkClaim, rollout.Status, *linkPage) {
	claim, err := s.links.key.claim(c.r.PathValue("token"))
	if err != nil {
		return claim, rollout.Status{}, s.wrongLink(c)
	}
	c.audit.service, c.who.name = claim.Service, "link:"+claim.Action
	st := s.o.Controller.Rollout(claim.Service)
	return claim, st, s.voidPage(claim, st)
}

// wrongLink slows guessing down. A right link is never held up by it: who shares an address
// with somebody that guesses must still be able to abort.
func (s *Server) wrongLink(c *call) *linkPage {
	if remote, limited := throttleKey(c.r); limited {
		if s.linkThrottle.wait(remote) > 0 {
			return plainPage(http.StatusTooManyRequests, "Too many wrong links came from your address. Try again in a minute.")
		}
		s.linkThrottle.failed(remote)
	}
	return plainPage(http.StatusNotFound, "This link was not made by this server, or the server has a new key since.")
}

// voidPage is nil while the link is good.
func (s *Server) voidPage(claim linkClaim, st rollout.Status) *linkPage {
	switch {
	case claim.expired(time.Now()):
		return plainPage(http.StatusGone, "This link has expired. Use the newest message, or the command line.")
	case s.links.spent(claim):
		return plainPage(http.StatusGone, "This link, or the other one of the same message, was used already.")
	case st.ID != claim.Run:
		return plainPage(http.StatusGone, "The rollout that this link is for is no longer the newest one of "+claim.Service+".")
	case st.Phase.Ended():
		return plainPage(http.StatusGone, "The rollout that this link is for has ended: "+string(st.Phase)+".")
	case st.Gate != claim.Gate:
		return plainPage(http.StatusGone, "The rollout no longer waits at "+gateWords(claim.Gate)+".")
	}
	return nil
}

// refusedPage tells why the controller did not do it.
func (s *Server) refusedPage(c *call, claim linkClaim, err error) *linkPage {
	if page := s.voidPage(claim, s.o.Controller.Rollout(claim.Service)); page != nil {
		return page // it was passed between the look and the verb
	}
	known := []error{rollout.ErrConflict, rollout.ErrInvalid, rollout.ErrUnknown}
	if !slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) }) {
		c.log.Error("admin call failed", "error", err)
	}
	return plainPage(refusal(err).Status, "It was not done: "+err.Error()+".")
}

// linkReason is what the form's only field says.
func linkReason(c *call) (string, *linkPage) {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxJSON)
	if err := c.r.ParseForm(); err != nil {
		return "", plainPage(http.StatusBadRequest, "The form could not be read.")
	}
	reason := strings.TrimSpace(c.r.PostForm.Get("reason"))
	if !utf8.ValidString(reason) || utf8.RuneCountInString(reason) > maxReason {
		return "", plainPage(http.StatusUnprocessableEntity, "The reason is too long: at most 500 characters.")
	}
	return reason, nil
}

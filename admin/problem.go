package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"sluice/rollout"
)

// problem is an answer by RFC 9457. Handlers return it as an error. Members
// beyond the RFC's are its extensions.
type problem struct {
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail,omitempty"`
	Instance  string   `json:"instance,omitempty"`   // the path asked for
	RequestID string   `json:"request_id,omitempty"` // finds the lines of the log
	Known     []string `json:"known,omitempty"`      // the names that would have been right
	Faults    []fault  `json:"faults,omitempty"`

	header http.Header // further headers of the answer
	cause  error       // logged, never sent
}

func (p *problem) Error() string {
	if p.cause != nil {
		return p.cause.Error()
	}
	return p.Detail
}

// kind is a class of problems: what its type URI ends in, and its title.
type kind struct {
	slug, title string
	status      int
}

// The kinds of problems.
var (
	kindBadRequest   = kind{"bad-request", "The request is malformed", http.StatusBadRequest}
	kindUnauthorized = kind{"unauthorized", "A token or a client certificate is needed", http.StatusUnauthorized}
	kindForbidden    = kind{"forbidden", "The caller may not do this", http.StatusForbidden}
	kindHost         = kind{"host", "The Host is not one of this listener's", http.StatusForbidden}
	kindCrossSite    = kind{"cross-site", "Requests made by other sites are refused", http.StatusForbidden}
	kindNotFound     = kind{"not-found", "There is no such resource", http.StatusNotFound}
	kindMethod       = kind{"method", "The method is not allowed here", http.StatusMethodNotAllowed}
	kindConflict     = kind{"conflict", "Not allowed in the present state", http.StatusConflict}
	kindStale        = kind{"stale", "The split has changed since it was read", http.StatusPreconditionFailed}
	kindTooLarge     = kind{"too-large", "The body is too large", http.StatusRequestEntityTooLarge}
	kindMediaType    = kind{"media-type", "The body's media type is not supported", http.StatusUnsupportedMediaType}
	kindInvalid      = kind{"invalid", "The values given are not valid", http.StatusUnprocessableEntity}
	kindThrottled    = kind{"throttled", "Too many refused attempts", http.StatusTooManyRequests}
	kindInternal     = kind{"internal", "Internal error", http.StatusInternalServerError}
	kindUnsaved      = kind{"unsaved", "The change could not be kept, so it was not made", http.StatusInternalServerError}
	kindBusy         = kind{"busy", "Too many event streams are open", http.StatusServiceUnavailable}
)

func (k kind) problem(format string, args ...any) *problem {
	return &problem{Type: "urn:sluice:problem:" + k.slug, Title: k.title, Status: k.status, Detail: fmt.Sprintf(format, args...)}
}

func (p *problem) with(name, value string) *problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// unknown says that there is no such thing, and which there are.
func unknown(k kind, noun, got string, known []string) *problem {
	p := k.problem("unknown %s %s, have %s", noun, printable(got), listed(known))
	p.Known = known
	return p
}

// listed joins names for a sentence, the first twenty of them.
func listed(names []string) string {
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > 20:
		return strings.Join(names[:20], ", ") + fmt.Sprintf(" and %d more", len(names)-20)
	}
	return strings.Join(names, ", ")
}

// problemOf turns any error of a handler into the problem to answer with.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	p := kindInternal.problem("the log says more under this request's id")
	p.cause = err
	return p
}

// refusal is what an error of the controller stands for. One that is none of
// its own is the disk's, and the operator is who must know it.
func refusal(err error) *problem {
	switch {
	case errors.Is(err, rollout.ErrUnknown):
		return kindNotFound.problem("%v", err)
	case errors.Is(err, rollout.ErrStale):
		return kindStale.problem("%v", err)
	case errors.Is(err, rollout.ErrConflict):
		return kindConflict.problem("%v", err)
	case errors.Is(err, rollout.ErrInvalid):
		return kindInvalid.problem("%v", err)
	}
	p := kindUnsaved.problem("%v", err)
	p.cause = err
	return p
}

// refuse answers with what err stands for.
func (c *call) refuse(err error) {
	p := *problemOf(err)
	if c.w.status != 0 {
		return // the answer has begun; nothing else can be said
	}
	if p.cause != nil {
		c.log.Error("admin call failed", "error", p.cause)
	}
	p.Instance, p.RequestID = c.r.URL.Path, c.id
	if strings.HasPrefix(p.Instance, linksPath) {
		p.Instance = shownPath(c.r)
	}
	for name, values := range p.header {
		c.w.Header()[name] = values
	}
	c.send(p.Status, "application/problem+json", p)
}

// json answers 200 with v.
func (c *call) json(v any) error {
	return c.send(http.StatusOK, "application/json", v)
}

func (c *call) send(status int, mediaType string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	c.w.Header().Set("Content-Type", mediaType)
	c.write(status, append(data, '\n'))
	return nil
}

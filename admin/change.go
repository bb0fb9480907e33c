package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sluice/config"
	"sluice/rollout"
	"sluice/router"
)

const maxReason = 500 // characters

// putWeights replaces a service's live weights.
func (s *Server) putWeights(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	var weights json.RawMessage
	var reason string
	if err := c.object(map[string]any{"weights": &weights, "reason": &reason}); err != nil {
		return err
	}
	bp, err := weightsOf(weights, versionNames(svc))
	if err != nil {
		return err
	}
	return s.apply(c, svc, reason, func(cmd rollout.Command) (config.Weights, error) {
		return s.o.Controller.SetWeights(cmd, bp)
	})
}

// putState sets a version's state; active also releases a trip or a quarantine.
func (s *Server) putState(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	version := c.r.PathValue("version")
	c.audit.version = printable(version)
	if names := versionNames(svc); !slices.Contains(names, version) {
		return unknown(kindNotFound, "version", version, names)
	}
	var name, reason string
	if err := c.object(map[string]any{"state": &name, "reason": &reason}); err != nil {
		return err
	}
	state, err := settableState(name)
	if err != nil {
		return err
	}
	return s.apply(c, svc, reason, func(cmd rollout.Command) (config.Weights, error) {
		return s.o.Controller.SetState(cmd, version, state)
	})
}

// apply carries out a change and answers with the service as it is then, or,
// for a dry run, as it would be.
func (s *Server) apply(c *call, svc *router.Service, reason string, do func(rollout.Command) (config.Weights, error)) error {
	cmd, err := s.command(c, svc, reason)
	if err != nil {
		return err
	}
	before, _ := s.o.Live.Weights(svc.Name)
	c.audit.before = summary(svc, before)
	after, err := do(cmd)
	if errors.Is(err, rollout.ErrStale) {
		return refusal(err).with("Etag", s.o.Controller.ETag(svc.Name))
	}
	if err != nil {
		return refusal(err)
	}
	c.audit.after = summary(svc, after)
	if !cmd.DryRun {
		return s.answerService(c, svc)
	}
	c.w.Header().Set("ETag", s.o.Controller.ETag(svc.Name))
	view := s.viewOf(svc, after, sharesUnder(svc, after))
	view.DryRun = true
	return c.json(view)
}

// weightsOf reads {"v1":90,"v2":10}. Versions left out get 0.
func weightsOf(raw json.RawMessage, known []string) (map[string]int, error) {
	if raw == nil {
		return nil, kindInvalid.problem(`weights: missing, want percentages by version such as {"v1":90,"v2":10}`)
	}
	members, err := membersOf(raw)
	if err != nil {
		return nil, kindBadRequest.problem("weights: %v", err)
	}
	bp := make(map[string]int, len(members))
	sum := percent(0)
	for _, m := range members {
		if !slices.Contains(known, m.name) {
			return nil, unknown(kindInvalid, "version", m.name, known)
		}
		p, err := parsePercent(string(m.value))
		if err != nil {
			return nil, kindInvalid.problem("weight of %s: %v", m.name, err)
		}
		bp[m.name] = int(p)
		sum += p
	}
	if sum != 100*100 {
		return nil, kindInvalid.problem("weights sum to %v, want 100", sum)
	}
	return bp, nil
}

// settableState is the state that a person may ask for by this name.
func settableState(name string) (config.State, error) {
	for _, st := range []config.State{config.Active, config.Draining, config.Off} {
		if st.String() == name {
			return st, nil
		}
	}
	return 0, kindInvalid.problem("state: got %s, want active, drain or off", printable(name))
}

// boolean reads a query parameter; absent is otherwise, empty is true.
func boolean(query url.Values, name string, otherwise bool) (bool, error) {
	if !query.Has(name) {
		return otherwise, nil
	}
	text := query.Get(name)
	if text == "" {
		return true, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, kindBadRequest.problem("%s: got %s, want true or false", name, printable(text))
	}
	return value, nil
}

// ifMatchOf is the list of tags that a change is based on; "" without one. The
// controller compares them (RFC 9110, 13.1.1).
func ifMatchOf(h http.Header) (string, error) {
	lines, given := h["If-Match"]
	list := strings.Join(lines, ", ")
	if given && strings.Trim(list, ", ") == "" {
		return "", kindBadRequest.problem("If-Match: got no tag, want the ETag of the service or *")
	}
	return list, nil
}

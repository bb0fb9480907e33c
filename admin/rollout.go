package admin

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/rollout"
	"sluice/router"
)

// phaseNone is the phase of a service that had no rollout yet.
const phaseNone rollout.Phase = "none"

// rolloutView is a rollout as the API shows it. Its promotion is the one of
// services, so that one thing has one form everywhere.
type rolloutView struct {
	rollout.Status
	StartedAt time.Time      `json:"started_at,omitzero"` // left out without a rollout, and of a dry run
	Promotion *promotionView `json:"promotion,omitempty"`
	ETag      string         `json:"etag"`              // of the service: names weights and states
	DryRun    bool           `json:"dry_run,omitempty"` // what would be; nothing is changed
}

// The actions of POST rollout.
const (
	actionStart   = "start"
	actionPromote = "promote"
)

// actions are all of them, in the order of a rollout's life.
var actions = []string{
	actionStart, rollout.VerbPause, rollout.VerbResume, actionPromote,
	rollout.VerbAbort, rollout.VerbRetry, rollout.VerbUndo,
}

// rolloutOrder is the body of POST rollout.
type rolloutOrder struct {
	action, version, reason string
	full                    bool // of promote: straight to the end
	// run, stage and gate are what the order is meant for; "": whatever there is. Somebody who looked a moment ago
	// shall not pass the stage after.
	run, stage, gate string
}

// getRollout shows the newest rollout of a service, running or ended.
func (s *Server) getRollout(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	return s.answerRollout(c, svc, s.o.Controller.Rollout(svc.Name), false)
}

// postRollout starts a rollout, or tells the one there is what to do.
func (s *Server) postRollout(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	order, err := readOrder(c)
	if err != nil {
		return err
	}
	if names := versionNames(svc); order.version != "" && !slices.Contains(names, order.version) {
		return unknown(kindInvalid, "version", order.version, names)
	}
	cmd, err := s.command(c, svc, order.reason)
	if err != nil {
		return err
	}
	if order.version != "" {
		c.audit.version = printable(order.version)
	}
	cmd.Run, cmd.Stage, cmd.Gate = order.run, order.stage, order.gate
	return s.steer(c, svc, cmd, order)
}

// steer carries an order out and answers with the rollout as it is then, or,
// for a dry run, as it would be.
func (s *Server) steer(c *call, svc *router.Service, cmd rollout.Command, order rolloutOrder) error {
	c.audit.before = rolloutSummary(s.o.Controller.Rollout(svc.Name))
	after, err := s.obey(cmd, order)
	if errors.Is(err, rollout.ErrStale) {
		return refusal(err).with("Etag", s.o.Controller.ETag(svc.Name))
	}
	if err != nil {
		return refusal(err)
	}
	c.audit.after = order.action + ": " + rolloutSummary(after)
	return s.answerRollout(c, svc, after, cmd.DryRun)
}

func (s *Server) obey(cmd rollout.Command, order rolloutOrder) (rollout.Status, error) {
	switch {
	case order.action == actionStart:
		return s.o.Controller.StartRollout(cmd, order.version)
	case order.action == actionPromote && order.full:
		return s.o.Controller.RolloutVerb(cmd, rollout.VerbPromoteFull)
	}
	return s.o.Controller.RolloutVerb(cmd, order.action)
}

// readOrder reads the body of POST rollout.
func readOrder(c *call) (o rolloutOrder, err error) {
	err = c.object(map[string]any{"action": &o.action, "version": &o.version, "reason": &o.reason, "full": &o.full,
		"id": &o.run, "stage": &o.stage, "gate": &o.gate})
	if err != nil {
		return o, err
	}
	switch {
	case o.action == "":
		return o, kindInvalid.problem("action: missing, want one of %s", strings.Join(actions, ", "))
	case !slices.Contains(actions, o.action):
		return o, unknown(kindInvalid, "action", o.action, actions)
	case o.version != "" && o.action != actionStart:
		return o, kindInvalid.problem("version: goes with action start alone, got action %s", o.action)
	case o.run+o.stage+o.gate != "" && o.action == actionStart:
		return o, kindInvalid.problem("id, stage, gate: name the rollout that is meant, got action start")
	case o.full && o.action != actionPromote:
		return o, kindInvalid.problem("full: goes with action promote alone, got action %s", o.action)
	}
	return o, nil
}

// command is what the controller is to know of a caller's change of svc.
func (s *Server) command(c *call, svc *router.Service, reason string) (rollout.Command, error) {
	dryRun, err := boolean(c.r.URL.Query(), "dry_run", false)
	if err != nil {
		return rollout.Command{}, err
	}
	if n := utf8.RuneCountInString(reason); n > maxReason {
		return rollout.Command{}, kindInvalid.problem("reason: got %d characters, want at most %d", n, maxReason)
	}
	ifMatch, err := ifMatchOf(c.r.Header)
	if err != nil {
		return rollout.Command{}, err
	}
	c.audit.reason, c.audit.dryRun = reason, dryRun
	return rollout.Command{Service: svc.Name, By: "api:" + c.who.name, Reason: reason, IfMatch: ifMatch, DryRun: dryRun}, nil
}

func (s *Server) answerRollout(c *call, svc *router.Service, st rollout.Status, dryRun bool) error {
	view := rolloutView{Status: st, StartedAt: st.StartedAt, ETag: s.o.Controller.ETag(svc.Name), DryRun: dryRun}
	if st.Phase == "" {
		view.Service, view.Phase, view.Stage, view.Reason = svc.Name, phaseNone, -1, "there was no rollout yet"
	}
	if st.Stages == nil {
		view.Stages = []rollout.StageStatus{}
	}
	if p := st.Promotion; p != nil {
		view.Promotion = promotionOf(*p, true)
	}
	view.Results = slices.Clone(st.Results)
	for i := range view.Results {
		r := &view.Results[i]
		r.Value, r.Low, r.High = finite(r.Value), finite(r.Low), finite(r.High)
	}
	c.w.Header().Set("ETag", view.ETag)
	return c.send(http.StatusOK, "application/json", view)
}

// rolloutSummary is the audit's form: "v2 running stage 2/3 expansion at 25 %".
func rolloutSummary(st rollout.Status) string {
	if st.Phase == "" {
		return "no rollout"
	}
	words := []string{st.ID, st.Canary, string(st.Phase)}
	if st.Stage >= 0 && st.Stage < len(st.Stages) {
		words = append(words, "stage="+st.Stages[st.Stage].Name)
	}
	if st.Gate != "" {
		words = append(words, "gate="+st.Gate)
	}
	return strings.Join(append(words, "weight="+percent(math.Round(st.Weight*100)).String()), " ")
}

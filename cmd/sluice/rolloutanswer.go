package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"sluice/rollout"
)

// rolloutAnswer is what the admin API tells of a rollout. Phase "none": there was none yet.
type rolloutAnswer struct {
	rollout.Status
	Promotion *promotionAnswer `json:"promotion"`
	DryRun    bool             `json:"dry_run"`

	raw json.RawMessage
}

// promotionAnswer is the evidence for passing a stage.
type promotionAnswer struct {
	Ready    bool    `json:"ready"`
	M        float64 `json:"m"`
	Bound    float64 `json:"bound"`
	Requests uint64  `json:"requests"`
	Missing  uint64  `json:"missing"`
	Summary  string  `json:"summary"`
}

// none reports whether there was no rollout yet.
func (a *rolloutAnswer) none() bool { return a.Phase == "none" }

// over reports whether nothing is left to wait for.
func (a *rolloutAnswer) over() bool { return a.none() || a.Phase.Ended() }

// succeeded is what a pipeline goes by.
func (a *rolloutAnswer) succeeded() bool {
	return a.Phase == rollout.PhasePromoted || a.Phase == rollout.PhaseCompleted
}

// stage is the one that the rollout stands at; nil before the first.
func (a *rolloutAnswer) stage() *rollout.StageStatus {
	if a.Stage < 0 || a.Stage >= len(a.Stages) {
		return nil
	}
	return &a.Stages[a.Stage]
}

// outcome is nil for a success, else the failure in words: exit code 1.
func (a *rolloutAnswer) outcome() error {
	switch {
	case a.none():
		return fmt.Errorf("%s had no rollout yet; sluice rollout start %s begins one", a.Service, a.Service)
	case a.succeeded():
		return nil
	}
	return fmt.Errorf("rollout %s of %s: %s: %s", a.ID, a.Service, a.Phase, a.Reason)
}

func rolloutPath(service string) string {
	return "/api/v1/services/" + url.PathEscape(service) + "/rollout"
}

// rollout reads where the rollout of a service stands.
func (c *adminClient) rollout(ctx context.Context, service string) (*rolloutAnswer, error) {
	var raw json.RawMessage
	if err := c.get(ctx, rolloutPath(service), &raw); err != nil {
		return nil, err
	}
	return readRollout(raw)
}

func readRollout(raw json.RawMessage) (*rolloutAnswer, error) {
	a := &rolloutAnswer{raw: raw}
	if err := json.Unmarshal(raw, a); err != nil {
		return nil, fmt.Errorf("admin API: answer is not the expected JSON: %w", err)
	}
	a.clean()
	return a, nil
}

// clean takes from texts what a terminal would obey: some come from other servers.
func (a *rolloutAnswer) clean() {
	texts := []*string{&a.Reason, &a.By}
	if a.Promotion != nil {
		texts = append(texts, &a.Promotion.Summary)
	}
	for i := range a.Checks {
		texts = append(texts, &a.Checks[i].Message)
	}
	for i := range a.Smoke {
		texts = append(texts, &a.Smoke[i].Message)
	}
	for i := range a.Hooks {
		texts = append(texts, &a.Hooks[i].Message)
	}
	for _, t := range texts {
		*t = harmless(*t)
	}
}

// harmless is text without control characters, and without those that turn the direction of writing.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text)
}

// order is one POST to a rollout.
type order struct {
	Action  string `json:"action"`
	Version string `json:"version,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Full    bool   `json:"full,omitempty"`
	ID      string `json:"id,omitempty"`
	Stage   string `json:"stage,omitempty"`
	Gate    string `json:"gate,omitempty"`

	dryRun  bool
	ifMatch string
}

// steer sends an order and returns the rollout as it is then.
func (c *adminClient) steer(ctx context.Context, service string, o order) (*rolloutAnswer, error) {
	path, header := rolloutPath(service), http.Header{}
	if o.dryRun {
		path += "?dry_run=true"
	}
	if o.ifMatch != "" {
		header.Set("If-Match", o.ifMatch)
	}
	var raw json.RawMessage
	if _, err := c.call(ctx, http.MethodPost, path, header, o, &raw); err != nil {
		return nil, err
	}
	return readRollout(raw)
}

// fresh reads the events of a service after the one with id since; 0: all that are kept.
func (c *adminClient) fresh(ctx context.Context, service string, since uint64) ([]rollout.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	query := url.Values{"since": {fmt.Sprint(since)}, "service": {service}, "follow": {"false"}}
	resp, err := c.open(ctx, http.MethodGet, "/api/v1/events?"+query.Encode(), nil, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return nil, fmt.Errorf("event stream: %w", err)
	}
	var events []rollout.Event
	var broken error
	for line := range strings.Lines(string(text)) {
		data, ok := strings.CutPrefix(line, "data:")
		if !ok {
			continue
		}
		var e rollout.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			broken = fmt.Errorf("event stream: %w", err)
		} else if e.ID > since {
			e.Message = harmless(e.Message)
			events = append(events, e)
		}
	}
	return events, broken
}

// refused reports whether the API itself said no, and asking again would not help.
func refused(err error) bool {
	said, ok := errors.AsType[*apiError](err)
	return ok && said.Status < http.StatusInternalServerError && said.Status != http.StatusTooManyRequests
}

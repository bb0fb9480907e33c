package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/config"
	"sluice/rollout"
	"sluice/router"
)

// faultsView are a service's chaos experiments: what the file declares, under
// the keys of the file, and what runs now.
type faultsView struct {
	Service  string           `json:"service"`
	Declared []map[string]any `json:"declared"`
	Running  []runningFault   `json:"running"`
	DryRun   bool             `json:"dry_run,omitempty"` // nothing is changed; Running is what would run
}

// runningFault is one that runs.
type runningFault struct {
	Name     string         `json:"name"`
	Version  string         `json:"version"`
	Since    time.Time      `json:"since"`
	Until    time.Time      `json:"until"`    // it ends by itself then, at the latest
	Requests uint64         `json:"requests"` // that suffered it so far, copies of the mirror included
	Fault    map[string]any `json:"fault"`    // under the keys of the file
}

func (s *Server) getFaults(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	return c.json(s.faultsOf(svc.Name))
}

// postFault begins an experiment: one that the file declares, by name, or any other, described in full.
func (s *Server) postFault(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	in, reason, err := s.readFault(c, svc.Name)
	if err != nil {
		return err
	}
	dryRun, err := boolean(c.r.URL.Query(), "dry_run", false)
	if err != nil {
		return err
	}
	c.audit.version, c.audit.reason, c.audit.dryRun = in.Version, reason, dryRun
	if in.Traffic == "all" && rank(c.who.role) < rank(config.RoleAdmin) {
		return kindForbidden.problem("%s has role %s, want %s for an experiment on users' traffic", c.who.name, c.who.role, config.RoleAdmin)
	}
	if err := s.free(svc.Name, in); err != nil {
		return err
	}
	if !dryRun {
		if err := s.o.Live.Inject(svc.Name, in.Version, in, time.Time{}); errors.Is(err, router.ErrInjecting) {
			return kindConflict.problem("%v", err)
		} else if err != nil {
			return kindInvalid.problem("%v", err)
		}
		s.tellFault(c, in, fmt.Sprintf("experiment %s begins: %s", in.Name, FaultWords(in)), reason)
	}
	c.audit.after = "begin " + in.Name
	view := s.faultsOf(svc.Name)
	if view.DryRun = dryRun; dryRun {
		now := time.Now().UTC()
		view.Running = append(view.Running, runningFault{Name: in.Name, Version: in.Version, Since: now, Until: now.Add(in.Duration), Fault: in.Show()})
	}
	return c.json(view)
}

// deleteFaults ends the experiment that ?name= says, or all of the service.
func (s *Server) deleteFaults(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	dryRun, err := boolean(c.r.URL.Query(), "dry_run", false)
	if err != nil {
		return err
	}
	name, one := c.r.URL.Query().Get("name"), c.r.URL.Query().Has("name")
	running := s.running(svc.Name)
	var names, ended []string
	for _, in := range running {
		names = append(names, in.Name)
	}
	if one && !slices.Contains(names, name) {
		return unknown(kindNotFound, "running experiment", name, names)
	}
	c.audit.before, c.audit.dryRun = "running: "+listed(names), dryRun
	view := s.faultsOf(svc.Name)
	if view.DryRun = dryRun; dryRun {
		view.Running = slices.DeleteFunc(view.Running, func(f runningFault) bool { return !one || f.Name == name })
		return c.json(view)
	}
	for _, in := range running {
		if one && in.Name != name {
			continue
		}
		if was, err := s.o.Live.EndInjection(svc.Name, in.Version); err == nil { // else it ended by itself meanwhile
			ended = append(ended, in.Name)
			s.tellFault(c, was.Injection, fmt.Sprintf("experiment %s is ended; %d requests suffered it", was.Name, was.Requests), "")
		}
	}
	c.audit.after = "ended: " + listed(ended)
	return c.json(s.faultsOf(svc.Name))
}

// readFault reads the body of POST faults. Beyond name and reason it is an
// experiment of its own, checked like one of the file.
func (s *Server) readFault(c *call, service string) (in config.Injection, reason string, err error) {
	data, err := c.body(maxJSON, "application/json")
	if err != nil {
		return in, "", err
	}
	members, err := membersOf(data)
	if err != nil {
		return in, "", kindBadRequest.problem("body: %v", err)
	}
	own := map[string]json.RawMessage{}
	for _, m := range members {
		if m.name != "reason" {
			own[m.name] = m.value
		} else if json.Unmarshal(m.value, &reason) != nil || string(m.value) == "null" {
			return in, "", kindBadRequest.problem("reason: got %s, want a string", printable(string(m.value)))
		}
	}
	if n := utf8.RuneCountInString(reason); n > maxReason {
		return in, "", kindInvalid.problem("reason: got %d characters, want at most %d", n, maxReason)
	}
	cfg := s.declared(service)
	if cfg == nil {
		return in, "", kindNotFound.problem("service %s has left the configuration", printable(service))
	}
	if raw, named := own["name"]; named && len(own) == 1 {
		in, err = declaredFault(cfg, raw)
		return in, reason, err
	}
	data, err = json.Marshal(own)
	if err != nil {
		return in, "", kindBadRequest.problem("body: %v", err)
	}
	in, err = config.ParseInjection(data, cfg)
	return in, reason, faultProblem(err)
}

// declaredFault is the experiment that the file declares under a name.
func declaredFault(cfg *config.Service, raw json.RawMessage) (config.Injection, error) {
	var name string
	if json.Unmarshal(raw, &name) != nil || string(raw) == "null" {
		return config.Injection{}, kindBadRequest.problem("name: got %s, want a string", printable(string(raw)))
	}
	var names []string
	for _, f := range cfg.Faults {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return config.Injection{}, unknown(kindInvalid, "experiment", name, names)
}

// faultProblem says all that is wrong with an experiment.
func faultProblem(err error) error {
	if err == nil {
		return nil
	}
	var faults config.Faults
	if !errors.As(err, &faults) {
		return kindInvalid.problem("%v", err)
	}
	words := make([]string, len(faults))
	for i, f := range faults {
		words[i] = strings.TrimPrefix(f.Path+": "+f.Message, ": ")
	}
	return kindInvalid.problem("%s", strings.Join(words, "; "))
}

// free refuses a name that another experiment has: it is by names that they are ended.
func (s *Server) free(service string, in config.Injection) error {
	for _, other := range s.running(service) {
		if other.Name == in.Name {
			return kindConflict.problem("experiment %s runs already, on %s until %s", in.Name, other.Version, other.Until.UTC().Format(time.RFC3339))
		}
		if other.Version == in.Version {
			return kindConflict.problem("experiment %s runs on %s until %s; a version suffers one at a time", other.Name, other.Version, other.Until.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

func (s *Server) faultsOf(service string) faultsView {
	view := faultsView{Service: service, Declared: []map[string]any{}, Running: []runningFault{}}
	if cfg := s.declared(service); cfg != nil {
		for _, f := range cfg.Faults {
			view.Declared = append(view.Declared, f.Show())
		}
	}
	for _, in := range s.running(service) {
		view.Running = append(view.Running, runningFault{
			Name: in.Name, Version: in.Version, Since: in.Since.UTC(), Until: in.Until.UTC(), Requests: in.Requests, Fault: in.Show(),
		})
	}
	return view
}

func (s *Server) running(service string) (of []router.Injected) {
	for _, in := range s.o.Live.Injections() {
		if in.Service == service {
			of = append(of, in)
		}
	}
	return of
}

func (s *Server) tellFault(c *call, in config.Injection, message, reason string) {
	fields := map[string]any{"fault": in.Show()}
	if reason != "" {
		fields["reason"] = reason
	}
	s.o.Controller.Journal().Add(rollout.Event{
		Type: "fault", Service: c.audit.service, Version: in.Version, By: "api:" + c.who.name, Message: message, Fields: fields,
	})
}

// FaultWords says what an experiment does: "delay 200ms ± 50ms on 10 % of preview traffic of v2 for 30s".
func FaultWords(in config.Injection) string {
	var what []string
	if in.Delay > 0 || in.Jitter > 0 {
		delay := "delay " + in.Delay.String()
		if in.Jitter > 0 {
			delay += " ± " + in.Jitter.String()
		}
		what = append(what, delay)
	}
	switch {
	case in.Abort != 0:
		what = append(what, fmt.Sprintf("status %d", in.Abort))
	case in.Reset:
		what = append(what, "reset")
	case in.Blackhole:
		what = append(what, "no answer")
	}
	traffic := "all traffic"
	if in.Traffic != "all" {
		traffic = "preview and mirrored traffic"
	}
	return fmt.Sprintf("%s on %.4g %% of %s of %s, for %v", strings.Join(what, " and "), in.Percent, traffic, in.Version, in.Duration)
}

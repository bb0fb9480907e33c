package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"sluice/config"
	"sluice/rollout"
)

// The event stream's pace. Events that come faster than flushEvery are sent
// together; a client that does not read for streamWrite is let go.
const (
	flushEvery     = 250 * time.Millisecond
	heartbeatEvery = 15 * time.Second
	streamWrite    = 10 * time.Second
	maxStreams     = 128
)

// getEvents streams the journal as Server-Sent Events (WHATWG HTML 9.2). It
// begins after Last-Event-ID or ?since= (0: all that is kept), else with what
// happens next. ?service= leaves out other services, ?follow=false ends after what is kept.
// Events no longer kept are told by an event of type gap, without an id.
func (s *Server) getEvents(c *call) error {
	st, err := s.newStream(c)
	if err != nil {
		return err
	}
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		return kindBusy.problem("%d streams are open", maxStreams).with("Retry-After", "5")
	}
	defer s.streams.Add(-1)
	if err := c.lastUntil(time.Time{}); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.Header().Set("X-Accel-Buffering", "no") // a proxy in front must not collect events
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		st.run()
	}
	return nil
}

// stream is one client of the journal.
type stream struct {
	c       *call
	rc      *http.ResponseController
	journal *rollout.Journal
	after   uint64 // the last event sent
	gap     bool   // after names an event that this journal never had
	service string // "": all
	follow  bool
	// permitted is asked at each heartbeat: a stream must not outlive its token.
	permitted func() bool
}

func (s *Server) newStream(c *call) (*stream, error) {
	query := c.r.URL.Query()
	st := &stream{
		c: c, rc: http.NewResponseController(c.w), journal: s.o.Controller.Journal(),
		service: query.Get("service"),
		permitted: func() bool {
			admin := s.o.Config().Admin
			if _, ok := s.sessionOf(c.r, admin, false); ok {
				return true
			}
			who, err := authenticate(c.r, admin)
			return err == nil && rank(who.role) >= rank(config.RoleViewer)
		},
	}
	var err error
	if st.follow, err = boolean(query, "follow", true); err != nil {
		return nil, err
	}
	kept, _ := st.journal.Since(0)
	var newest uint64
	if len(kept) > 0 {
		newest = kept[len(kept)-1].ID
	}
	from := c.r.Header.Get("Last-Event-ID") // a browser that reconnects repeats the URL, so this is the newer of the two
	if from == "" {
		from = query.Get("since")
	}
	if from == "" {
		st.after = newest
		return st, nil
	}
	if st.after, err = strconv.ParseUint(from, 10, 64); err != nil {
		return nil, kindBadRequest.problem("got %s, want the id of an event", printable(from))
	}
	if newest > 0 && st.after > newest {
		st.after, st.gap = 0, true
	}
	return st, nil
}

// run sends until the client leaves, the server stops or nothing is left to send.
func (st *stream) run() {
	heartbeat := time.NewTicker(heartbeatEvery)
	defer heartbeat.Stop()
	pending := []byte("retry: 2000\n\n")
	for {
		changed := st.journal.Changed() // before Since: nothing falls between the two
		pending = st.collect(pending)
		if !st.write(pending) || !st.follow {
			return
		}
		pending = pending[:0]
		select {
		case <-st.c.r.Context().Done():
			return
		case <-heartbeat.C:
			if !st.permitted() {
				return
			}
			pending = append(pending, ": heartbeat\n\n"...)
			continue
		case <-changed:
		}
		select {
		case <-st.c.r.Context().Done():
			return
		case <-time.After(flushEvery):
		}
	}
}

// collect appends the events that came since the last look.
func (st *stream) collect(out []byte) []byte {
	events, gap := st.journal.Since(st.after)
	if gap || st.gap {
		out = frame(out, rollout.Event{Time: time.Now().UTC(), Type: "gap",
			Message: fmt.Sprintf("events after %d are no longer kept; what follows is the rest", st.after)})
		st.gap = false
	}
	for _, e := range events {
		st.after = e.ID
		if st.service == "" || e.Service == st.service {
			out = frame(out, e)
		}
	}
	return out
}

// frame appends one event. JSON has no line breaks, so one data line does.
func frame(out []byte, e rollout.Event) []byte {
	data, err := json.Marshal(e)
	if err != nil {
		e.Fields, e.Message = nil, e.Message+" (its fields cannot be shown)"
		data, _ = json.Marshal(e) // plain text and numbers are left
	}
	if e.ID != 0 {
		out = fmt.Appendf(out, "id: %d\n", e.ID)
	}
	return fmt.Appendf(out, "event: %s\ndata: %s\n\n", e.Type, data)
}

func (st *stream) write(data []byte) bool {
	if len(data) == 0 {
		return true
	}
	if st.rc.SetWriteDeadline(time.Now().Add(streamWrite)) != nil {
		return false
	}
	_, err := st.c.w.Write(data)
	return err == nil && st.rc.Flush() == nil
}

package webhook

import (
	"encoding/json"
	"time"
)

// Facts are what a hook is told of a rollout. The zero value of a field: unknown, or none.
type Facts struct {
	ID, Service, Strategy, Version, Stable string // Version: the canary
	Phase, Point, Stage                    string
	Weight                                 float64 // of the canary, in percent
	Key                                    string  // the same for the same question, also after a restart
	Reason                                 string
	Labels                                 map[string]string // of the canary
	ConfigVersion                          string
	Evidence                               map[string]any
	Time                                   time.Time
	Event                                  *Event // of point event
}

// Event is one thing that happened.
type Event struct {
	ID      uint64         `json:"id,omitempty"`
	Time    time.Time      `json:"time,omitzero"`
	Type    string         `json:"type"`
	Version string         `json:"version,omitempty"`
	By      string         `json:"by,omitempty"`
	Message string         `json:"message"`
	Fields  map[string]any `json:"fields,omitempty"`
}

// report is our own message. The names are a contract with receivers.
type report struct {
	Service       string            `json:"service"`
	Phase         string            `json:"phase"`
	Point         string            `json:"point"`
	Version       string            `json:"version"`
	Stable        string            `json:"stable"`
	Strategy      string            `json:"strategy"`
	Stage         string            `json:"stage,omitempty"`
	Weight        float64           `json:"weight"`
	ID            string            `json:"id"`
	Key           string            `json:"key"`
	Reason        string            `json:"reason,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	Evidence      map[string]any    `json:"evidence,omitempty"`
	Event         *Event            `json:"event,omitempty"`
	ConfigVersion string            `json:"config_version,omitempty"`
	Time          time.Time         `json:"time"`
}

// report is f as our own message; key is that of the delivery.
func (f *Facts) report(key string) report {
	r := report{
		Service: f.Service, Phase: f.Phase, Point: f.Point, Version: f.Version, Stable: f.Stable, Strategy: f.Strategy,
		Stage: f.Stage, Weight: f.Weight, ID: f.ID, Key: key, Reason: f.Reason, Labels: f.Labels,
		Evidence: Encodable(f.Evidence), ConfigVersion: f.ConfigVersion, Time: f.Time.UTC(),
	}
	if f.Event != nil {
		e := *f.Event
		e.Time, e.Fields = e.Time.UTC(), Encodable(e.Fields)
		r.Event = &e
	}
	return r
}

// Encodable copies m so that JSON can hold it: a value that it can't, such as an infinity, is replaced
// by a sentence that says so. One odd figure must not keep a message from being sent.
func Encodable(m map[string]any) map[string]any {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]any, len(m))
	for name, value := range m {
		raw, err := json.Marshal(value)
		if err != nil {
			out[name] = "can't be shown: " + err.Error()
			continue
		}
		out[name] = json.RawMessage(raw)
	}
	return out
}

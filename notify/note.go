package notify

import (
	"time"

	"sluice/webhook"
)

// Note is one thing to tell. All texts may come from outside; they are made harmless for each target.
type Note struct {
	ID            uint64    // of the event, unique and kept over retries; 0: Time stands in
	Time          time.Time // when it happened
	Type          string    // as in `on` of the configuration: promoted, rollback, alert, …
	Service       string    // "": of the process; goes to the targets of all services
	Version       string
	By            string
	Message       string
	Fields        map[string]any // what it stands on: counts, figures, bounds. Never changed after Tell
	ConfigVersion string
	Links         Links

	repeats int // how many more of the same came and were held back
}

// Links are URLs that people may follow; "": none.
type Links struct {
	Approve string `json:"approve,omitempty"` // passes the gate, after a page that asks
	Abort   string `json:"abort,omitempty"`   // ends the rollout, after a page that asks
	Page    string `json:"page,omitempty"`    // shows where things stand
}

// named are the links with what they are called, in order.
func (l Links) named() []link {
	var out []link
	for _, one := range []link{{"Approve", l.Approve}, {"Abort", l.Abort}, {"Open sluice", l.Page}} {
		if one.url != "" {
			out = append(out, one)
		}
	}
	return out
}

type link struct{ name, url string }

// mood is how bad a note is.
type mood uint8

const (
	plain mood = iota
	good
	careful
	bad
)

// kinds are the types of notes in people's words.
var kinds = map[string]struct {
	words string
	mood  mood
}{
	"started":  {"rollout started", plain},
	"stage":    {"next stage", plain},
	"approval": {"approval needed", careful},
	"paused":   {"rollout paused", careful},
	"resumed":  {"rollout resumed", plain},
	"promoted": {"promoted", good},
	"rollback": {"rolled back", bad},
	"aborted":  {"rollout aborted", bad},
	"trip":     {"version cut", bad},
	"restore":  {"version restored", good},
	"verdict":  {"verdict", bad},
	"alert":    {"alert", bad},
}

// title is "shop: rolled back". It holds names of the configuration alone, which have no markup.
func (n *Note) title() string {
	words := kinds[n.Type].words
	if words == "" {
		words = n.Type
	}
	if n.Service == "" {
		return "sluice: " + words
	}
	return n.Service + ": " + words
}

// origin says which version, when, and by whose file.
func (n *Note) origin() []string {
	var out []string
	for _, one := range []struct{ name, value string }{{"version", n.Version}, {"by", n.By}, {"config", n.ConfigVersion}} {
		if one.value != "" {
			out = append(out, one.name+" "+webhook.Printable(one.value, maxLine))
		}
	}
	if !n.Time.IsZero() {
		out = append(out, n.Time.UTC().Format("2006-01-02 15:04:05 MST"))
	}
	return out
}

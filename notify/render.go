package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"sluice/webhook"
)

// Types of targets, as in the configuration.
const (
	typeSlack       = "slack"
	typeTeams       = "teams"
	typeDiscord     = "discord"
	typeWebhook     = "webhook"
	typeCloudEvents = "cloudevents"
)

const contentJSON = "application/json"

// report is our own message, for programs. The names are a contract with receivers.
type report struct {
	ID            string         `json:"id"` // also Sluice-Delivery: the same note has the same one
	Type          string         `json:"type"`
	Service       string         `json:"service,omitempty"`
	Version       string         `json:"version,omitempty"`
	By            string         `json:"by,omitempty"`
	Message       string         `json:"message"`
	Repeats       int            `json:"repeats,omitempty"` // how many more of the same came since
	Evidence      []string       `json:"evidence,omitempty"`
	Fields        map[string]any `json:"fields,omitempty"`
	Links         *Links         `json:"links,omitempty"`
	ConfigVersion string         `json:"config_version,omitempty"`
	Time          time.Time      `json:"time"`
}

func (n *Note) report() report {
	r := report{
		ID: n.delivery(), Type: n.Type, Service: n.Service, Version: n.Version, By: n.By, Message: n.Message, Repeats: n.repeats,
		Evidence: n.evidence(), Fields: webhook.Encodable(n.Fields), ConfigVersion: n.ConfigVersion, Time: n.Time.UTC(),
	}
	if n.Links != (Links{}) {
		r.Links = &n.Links
	}
	return r
}

// delivery is the same for every attempt to tell n, and another for the sum of its repetitions.
func (n *Note) delivery() string {
	id := n.ID
	if id == 0 {
		id = uint64(max(n.Time.UnixNano(), 0))
	}
	if n.repeats > 0 {
		return strconv.FormatUint(id, 10) + "-repeats"
	}
	return strconv.FormatUint(id, 10)
}

// render writes n for a type of target, and its Content-Type.
func render(kind string, n *Note) ([]byte, string, error) {
	var message any
	contentType := contentJSON
	switch kind {
	case typeSlack:
		message = slack(n)
	case typeTeams:
		message = teams(n)
	case typeDiscord:
		message = discord(n)
	case typeWebhook:
		message = n.report()
	case typeCloudEvents:
		contentType = webhook.ContentCloudEvents
		message = webhook.CloudEvent{
			ID: n.delivery(), Source: webhook.Source(n.Service), Type: "dev.sluice.event." + n.Type,
			Subject: n.Version, Time: n.Time, Data: n.report(),
		}
	default:
		return nil, "", fmt.Errorf("type: got %q, want slack, teams, discord, webhook or cloudevents", kind)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(message); err != nil {
		return nil, "", fmt.Errorf("message: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), contentType, nil
}

package webhook

import (
	"encoding/json"
	"net/url"
	"time"
)

// ContentCloudEvents is the Content-Type of a CloudEvent in structured mode: its HTTP
// protocol binding 1.0, section 3.2.
const ContentCloudEvents = "application/cloudevents+json"

// CloudEvent is an event as the CloudEvents specification 1.0 has it, in its JSON format. ID, Source and
// Type are required there; Source and ID together tell one event from all others.
type CloudEvent struct {
	ID, Source, Type string
	Subject          string    // "": none
	Time             time.Time // zero: none
	Data             any       // as JSON
}

// Source is where events of a service come from: a URI reference. service "": of the process itself.
func Source(service string) string {
	if service == "" {
		return "/sluice"
	}
	return "/sluice/services/" + url.PathEscape(service)
}

// MarshalJSON writes the structured form.
func (e CloudEvent) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		SpecVersion string    `json:"specversion"`
		ID          string    `json:"id"`
		Source      string    `json:"source"`
		Type        string    `json:"type"`
		Subject     string    `json:"subject,omitempty"`
		Time        time.Time `json:"time,omitzero"`
		ContentType string    `json:"datacontenttype"`
		Data        any       `json:"data"`
	}{"1.0", e.ID, e.Source, e.Type, e.Subject, e.Time.UTC(), contentJSON, e.Data})
}

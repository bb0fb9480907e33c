package webhook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sluice/config"
)

// Formats of a hook's message.
const (
	formatJSON        = "json"
	formatCloudEvents = "cloudevents"
	formatFlagger     = "flagger"
)

const contentJSON = "application/json"

const maxBody = 1 << 20 // bytes of a message

// Message writes what hook sends of f, and its Content-Type. A body of the hook's own takes the place of any
// format's. An error says what in the body can't be filled in; nothing is to be sent then.
func Message(hook config.Hook, f Facts) ([]byte, string, error) {
	if hook.Body != nil {
		filled, err := fill(hook.Body, f.variables(hook))
		if err != nil {
			return nil, "", fmt.Errorf("body: %w", err)
		}
		return encode(filled, contentJSON)
	}
	switch hook.Format {
	case formatCloudEvents:
		return encode(CloudEvent{
			ID: cmp.Or(f.delivery(hook), f.Time.UTC().Format(time.RFC3339Nano)), Source: Source(f.Service), Type: "dev.sluice.rollout." + f.Point,
			Subject: f.Version, Time: f.Time, Data: f.report(f.delivery(hook)),
		}, ContentCloudEvents)
	case formatFlagger:
		return encode(f.flagger(hook), contentJSON)
	case formatJSON, "":
		return encode(f.report(f.delivery(hook)), contentJSON)
	}
	return nil, "", fmt.Errorf("format: got %q, want json, cloudevents or flagger", hook.Format)
}

// delivery is the idempotency key of hook: two hooks at one point may have one receiver.
func (f *Facts) delivery(hook config.Hook) string {
	if f.Key == "" {
		return ""
	}
	return f.Key + "/" + hook.Name
}

func encode(v any, contentType string) ([]byte, string, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, "", fmt.Errorf("message: %w", err)
	}
	if out.Len() > maxBody {
		return nil, "", fmt.Errorf("message: got %d bytes, want at most %d", out.Len(), maxBody)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), contentType, nil
}

// Call sends hook the message of f, with its retries. A message that can't be written
// fails without an attempt.
func (c *Client) Call(ctx context.Context, hook config.Hook, f Facts) Result {
	body, contentType, err := Message(hook, f)
	if err != nil {
		return Result{Message: err.Error()}
	}
	r := Request{
		URL: hook.URL, ContentType: contentType, Body: body, Event: f.Point, Delivery: f.delivery(hook),
		Secret: hook.Secret, Timeout: hook.Timeout, Retries: hook.Retries,
	}
	if hook.Format == formatFlagger {
		r.Passes = flaggerPasses
	}
	return c.Send(ctx, r)
}

package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"sluice/config"
)

// flaggerPayload is what Flagger posts, field by field (its CanaryWebhookPayload), so that load testers
// and gates written for it work unchanged.
type flaggerPayload struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Phase     string            `json:"phase"`
	Checksum  string            `json:"checksum"`
	Metadata  map[string]string `json:"metadata,omitempty"`
}

// flaggerPasses: 200 to 202 and nothing else, 204 included.
func flaggerPasses(code int) bool { return code >= 200 && code <= 202 }

// flagger is f as Flagger tells it. The name is the service's. The namespace is the hook's
// metadata.namespace, else the canary's label namespace, else default. Of point event the
// metadata carries three more keys, which the hook's can't replace.
func (f *Facts) flagger(hook config.Hook) flaggerPayload {
	p := flaggerPayload{
		Name: f.Service, Namespace: "default", Phase: f.flaggerPhase(), Checksum: f.checksum(),
		Metadata: maps.Clone(hook.Metadata),
	}
	for _, from := range []map[string]string{f.Labels, hook.Metadata} {
		if from["namespace"] != "" {
			p.Namespace = from["namespace"]
		}
	}
	if f.Event != nil {
		if p.Metadata == nil {
			p.Metadata = map[string]string{}
		}
		p.Metadata["eventMessage"] = f.Event.Message
		p.Metadata["eventType"] = flaggerSeverity(f.Event.Type)
		p.Metadata["timestamp"] = strconv.FormatInt(f.Event.Time.UnixMilli(), 10)
	}
	return p
}

// checksum is the same for the same revision: service, version and its labels.
func (f *Facts) checksum() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q", f.Service, f.Version)
	for _, name := range slices.Sorted(maps.Keys(f.Labels)) {
		fmt.Fprintf(sum, " %q=%q", name, f.Labels[name])
	}
	return hex.EncodeToString(sum.Sum(nil))[:10]
}

// flaggerPhase is the word of Flagger's that its hooks of the same kind send at this point.
func (f *Facts) flaggerPhase() string {
	switch f.Point {
	case "confirm_rollout":
		if f.Phase == "waiting" {
			return "Waiting"
		}
		return "Initialized"
	case "before_rollout", "before_test_traffic", "after_test_traffic", "before_stage", "during_stage", "confirm_stage",
		"after_stage", "confirm_promotion":
		return "Progressing"
	case "rollback", "rollback_failed":
		return "Failed"
	}
	switch f.Phase { // rollback_query, after_rollout, event: the present one
	case "waiting", "paused":
		return "Waiting"
	case "promoted", "completed":
		return "Succeeded"
	case "rolled_back", "aborted", "superseded":
		return "Failed"
	}
	return "Progressing"
}

// flaggerSeverity is the type of a Kubernetes event.
func flaggerSeverity(kind string) string {
	switch kind {
	case "alert", "trip", "verdict", "rollback", "store":
		return "Warning"
	}
	return "Normal"
}

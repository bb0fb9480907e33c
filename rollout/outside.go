package rollout

import "context"

// Outside is what a rollout needs of the world beyond the proxy. Every call has a
// goroutine of its own, which no decision waits for; ctx ends when the answer
// matters no more, and a call returns soon after.
type Outside interface {
	// Preflight examines whether a rollout can begin. It may look for as long as ctx lets it.
	Preflight(ctx context.Context, at Situation) []Check
	// Smoke runs the smoke tests, straight at the candidate's endpoints.
	Smoke(ctx context.Context, at Situation) []SmokeResult
	// Call sends the hooks of at.Point in the file's order and stops at the first
	// that fails, which is then the last result. No hook at that point: no result.
	Call(ctx context.Context, at Situation) []HookResult
}

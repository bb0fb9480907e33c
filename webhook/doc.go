// Package webhook sends POST requests that others act on: signed, retried, with
// an idempotency key, following no redirect. Client.Send is one delivery with all
// its attempts; Message writes what the hooks of a rollout send, in our own form, as a
// CloudEvent or as Flagger writes it; Verify is what a receiver checks. The callers are
// cmd, for the hooks of rollouts, and notify. It starts no goroutine of its own.
package webhook

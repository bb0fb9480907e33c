// Package webhook sends POST requests that others act on: signed, retried, with
// an idempotency key, following no redirect. It starts no goroutine.
package webhook

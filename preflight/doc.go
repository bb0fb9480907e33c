// Package preflight examines whether a rollout can begin: each finding has a
// name and is critical or a warning. It changes nothing that lasts, and its goroutines end before
// Examine returns, but for those that a disk holds up.
package preflight

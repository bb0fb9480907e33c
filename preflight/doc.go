// Package preflight examines whether a rollout can begin: each finding has a
// name and is critical or a warning. It changes nothing.
package preflight

// Package store keeps small documents: get, compare-and-swap, watch, lease.
// Dir, a directory of files, is the embedded store; storetest holds what any other
// must pass. It starts no goroutine: a watch runs in its caller's.
package store

// Package store keeps small documents: get, compare-and-swap, watch, lease.
// Dir, a directory, is the embedded one; storetest holds what any other must pass.
package store

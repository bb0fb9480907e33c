// Package conformance proves what docs/CONFORMANCE.md promises: the real
// binary on raw sockets against the sections of RFC 9110 and 9112, and beside
// foreign servers that must see each request end where it ends. It is a module of
// its own, as it needs those servers; `make conformance` runs it.
package conformance

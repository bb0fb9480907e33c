// Package arch holds the arrows between sluice's packages: a test fails on
// every import that is not listed, and on every package that is missing from
// the list. It has no code of its own.
package arch

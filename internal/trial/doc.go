// Package trial runs the real sluice binary as a process of its own, looks into it from outside
// (admin API, metrics, /proc, pprof) and keeps a table of promises that were held or broken. It is for
// the programs behind `make soak` and `make chaos`. It imports no package of ours: what is tried is the
// binary. A Process owns its goroutine from Start until the child has ended.
package trial

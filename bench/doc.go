// Package bench drives sluice, or any proxy, over a socket: load at a constant
// rate with latencies measured from the intended start. It imports no package
// of ours.
package bench

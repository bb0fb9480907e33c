// Package comparison tells how two answers to the same request differ, by path
// and field, and what of that is noise: two answers of one version differ too,
// in timestamps, ids and order. Diff compares two answers, a Tally counts what
// differed between stable and a shadow beside what differed between stable and
// stable, and its Report says which differences are more than that. The proxy
// fills it; the admin API and shadow rollouts read it. No I/O, no goroutines.
package comparison

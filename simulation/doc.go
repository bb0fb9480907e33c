// Package simulation plays rollouts as counts by the second, healthy ones and bad
// ones, and lets detectors look at them: sluice's own Judge and Trip, the very code
// that runs in production, beside the rules of its peers. Every detector sees the same
// counts. Results depend on the seed alone, not on the number of cores. It does no
// I/O; cmd/sluice prints what it finds, and docs/JUDGEMENT.md has the figures.
//
// What is simulated: independent requests that arrive as a Poisson process, but
// for bursts of failures, which begin at any time and not at whole seconds; one
// law of latency. No delay is charged to anyone for scraping, querying or shifting weights,
// and a decision changes nothing of the traffic: what is measured is when it came.
package simulation

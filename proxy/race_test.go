//go:build race

package proxy

// raceDetector: its sync.Pool forgets at random.
const raceDetector = true

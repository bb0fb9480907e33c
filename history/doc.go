// Package history keeps what rollouts did and works out the figures of
// delivery performance from it. Pure but for its Log.
package history

// Package advice scores release strategies and places to host against what
// somebody needs. Pure.
package advice

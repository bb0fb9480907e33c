// Package smoke runs smoke tests: requests to one endpoint, in order, with
// values carried from one to the next. It starts no goroutine of its own.
package smoke

// Package smoke runs smoke tests: requests to one endpoint, in order, with
// values carried from one to the next. Its goroutines end before RunAll returns.
package smoke

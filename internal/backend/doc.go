// Package backend runs real HTTP backends with chosen behaviour (status,
// delay, failure share, hang), for tests and for `sluice demo`. A Server owns
// its goroutines from Start to Close.
package backend

// Package e2e boots the real sluice in front of foreign servers (go-httpbin,
// nginx) and asserts what users rely on. It is a module of its own so that
// what only tests use never enters sluice's dependencies.
package e2e

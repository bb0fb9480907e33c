package main

import (
	"fmt"
	"os/exec"
	"strings"

	"sluice/internal/trial"
)

// shell runs sluice after a few commands of sh, in the same process.
func shell(commands string) func(*trial.Options) {
	return func(o *trial.Options) { o.Wrap = []string{"sh", "-c", commands + ` && exec "$@"`, "sh"} }
}

// private is shell in a mount namespace of its own.
func private(commands string) func(*trial.Options) {
	return func(o *trial.Options) {
		o.Wrap = []string{"unshare", "--mount", "--propagation", "private", "sh", "-c", commands + ` && exec "$@"`, "sh"}
	}
}

// mayMount says why mount namespaces can't be had, or "".
func mayMount() string {
	if out, err := exec.Command("unshare", "--mount", "true").CombinedOutput(); err != nil {
		return fmt.Sprintf("needs root and unshare (%s)", strings.TrimSpace(string(out)))
	}
	return ""
}

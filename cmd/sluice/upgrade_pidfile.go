package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// pidFile is the path of a file that holds the process's number while it serves; "": none.
type pidFile string

// write replaces the file whole, also when it holds a predecessor's number.
func (p pidFile) write() error {
	if p == "" {
		return nil
	}
	tmp := string(p) + ".tmp"
	if err := os.WriteFile(tmp, fmt.Appendln(nil, os.Getpid()), 0o644); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	if err := os.Rename(tmp, string(p)); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	return nil
}

// remove removes the file unless it is a successor's by now.
func (p pidFile) remove() {
	if p == "" {
		return
	}
	if text, err := os.ReadFile(string(p)); err == nil && strings.TrimSpace(string(text)) == strconv.Itoa(os.Getpid()) {
		_ = os.Remove(string(p)) // what is left is overwritten by the next process
	}
}

package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with a configuration, where it stands.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`           // from 1
	Col     int    `json:"col"`            // from 1, in characters
	Path    string `json:"path,omitempty"` // services[0].guard.window; "" for the file as a whole
	Message string `json:"message"`        // what was found and what is wanted; never the value of a secret
}

// Error prints FILE:LINE:COL: PATH: MESSAGE, the form that editors jump to.
func (f Fault) Error() string {
	if f.Path == "" {
		return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Col, f.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Col, f.Path, f.Message)
}

// Faults are all faults of a configuration in the order of the file. Load and
// Parse return them as their error; errors.As finds them there.
type Faults []Fault

// Error prints every fault on a line of its own.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the faults one by one.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// sorted orders faults as the file stands and drops repetitions, which aliases cause.
func (fs Faults) sorted() Faults {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Path, b.Path))
	})
	return slices.Compact(fs)
}

// asError is nil without faults, so that no typed nil escapes.
func (fs Faults) asError() error {
	if len(fs) == 0 {
		return nil
	}
	return fs.sorted()
}

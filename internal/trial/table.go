package trial

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
)

// Table keeps promises in the order in which they were first judged. The zero value is empty;
// safe for concurrent use.
type Table struct {
	mu   sync.Mutex
	rows []row
}

type row struct {
	promise, got, want string
	held               bool
	sign               string // in place of ok and BROKEN; "" for what was judged
}

// Skip enters a promise that could not be tried here, and why.
func (t *Table) Skip(promise, why string) {
	t.open(row{promise: promise, got: "not tried: " + why, sign: "-"})
}

// Undecided enters a promise that was tried without telling whether it is held: what was seen, and why
// that says nothing. It is not broken, and not held either.
func (t *Table) Undecided(promise string, got, want any) {
	t.open(row{promise: promise, got: fmt.Sprint("undecided: ", got), want: fmt.Sprint(want), sign: "UNDECIDED"})
}

func (t *Table) open(r row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.held = true
	t.rows = append(t.rows, r)
}

// Judge enters one promise: whether it was held, what was seen and what was wanted. A promise
// that was broken once stays broken, and shows how it was broken first.
func (t *Table) Judge(promise string, held bool, got, want any) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := row{promise: promise, got: fmt.Sprint(got), want: fmt.Sprint(want), held: held}
	for i := range t.rows {
		if t.rows[i].promise == promise {
			if t.rows[i].held {
				t.rows[i] = next
			}
			return held
		}
	}
	t.rows = append(t.rows, next)
	return held
}

// Equal judges got == want.
func Equal[T comparable](t *Table, promise string, got, want T) bool {
	return t.Judge(promise, got == want, got, want)
}

// Broken are the promises that were not held.
func (t *Table) Broken() (all []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.rows {
		if !r.held {
			all = append(all, r.promise)
		}
	}
	return all
}

// Open are the promises that were tried and remain undecided.
func (t *Table) Open() (all []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.rows {
		if r.sign == "UNDECIDED" {
			all = append(all, r.promise)
		}
	}
	return all
}

// cellWidth is the most characters of a cell: logs, which explain a failure, would make the table unreadable.
const cellWidth = 200

// Print writes the table, and below it what did not fit.
func (t *Table) Print(w io.Writer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\tpromise\tseen\twanted")
	for _, r := range t.rows {
		sign := r.sign
		switch {
		case sign != "":
		case r.held:
			sign = "ok"
		default:
			sign = "BROKEN"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", sign, r.promise, cell(r.got), cell(r.want))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, r := range t.rows {
		if len(r.got) > cellWidth {
			fmt.Fprintf(w, "\n%s:\n%s\n", r.promise, r.got)
		}
	}
	return nil
}

// cell is s on one line, cut off where it gets too long.
func cell(s string) string {
	line := strings.Join(strings.Fields(s), " ")
	if len(line) <= cellWidth {
		return line
	}
	return strings.ToValidUTF8(line[:cellWidth], "") + " … (below)"
}

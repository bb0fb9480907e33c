// Package comparison tells how two answers differ, by path and field, and what
// of that is noise. No I/O.
package comparison

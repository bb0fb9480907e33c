package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Values of --output.
const (
	outputText = "text"
	outputJSON = "json"
)

func addOutputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", outputText, "text or json")
}

func checkOutput(output string) error {
	if output != outputText && output != outputJSON {
		return fmt.Errorf("%w: --output: got %q, want text or json", errUsage, output)
	}
	return nil
}

// screen tells how to write for whoever reads: a person at a terminal gets
// colours and redrawing, a pipe gets plain lines. NO_COLOR is honoured.
type screen struct {
	w        io.Writer
	terminal bool
	colour   bool
}

func newScreen(w io.Writer) screen {
	s := screen{w: w}
	if f, ok := w.(*os.File); ok {
		s.terminal = term.IsTerminal(int(f.Fd()))
	}
	s.colour = s.terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return s
}

// SGR codes used by paint.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// paint wraps text in a colour if the reader wants any.
func (s screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// width is the terminal's width in columns, 80 if it is not known.
func (s screen) width() int {
	if f, ok := s.w.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

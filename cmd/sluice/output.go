package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

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

// show writes one frame of a view that changes: in place at a terminal, in one
// write and without clearing first, so that nothing flickers; one after the
// other (also if plain is asked for) anywhere else.
func (s screen) show(frame string, plain bool) error {
	if s.terminal && !plain {
		frame = s.inPlace(frame)
	}
	_, err := io.WriteString(s.w, frame)
	return err
}

// inPlace draws frame from the upper left corner, as much as there is room for.
func (s screen) inPlace(frame string) string {
	width, height := s.size()
	lines := strings.Split(strings.TrimSuffix(frame, "\n"), "\n")
	if len(lines) >= height {
		left := len(lines) - height + 2
		lines = append(lines[:len(lines)-left], fmt.Sprintf("… and %d more lines: name a service, or use a pipe", left))
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for _, line := range lines {
		b.WriteString(clip(line, width) + "\x1b[K\n")
	}
	return b.String() + "\x1b[J"
}

// width is the terminal's width in columns, 80 if it is not known.
func (s screen) width() int {
	width, _ := s.size()
	return width
}

// size is the terminal's, 80 by 24 if it is not known.
func (s screen) size() (width, height int) {
	if f, ok := s.w.(*os.File); ok {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 2 {
			return w, h
		}
	}
	return 80, 24
}

// clip cuts a line to the terminal's width; escape sequences take no room.
func clip(line string, width int) string {
	used, escape := 0, false
	for i, r := range line {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		case used == width:
			return line[:i] + "\x1b[0m"
		default:
			used++
		}
	}
	return line
}

// wrap breaks text into lines of at most width characters, at blanks where it
// can; each line but the first begins with indent.
func wrap(text string, width int, indent string) []string {
	var lines []string
	line, used := "", 0
	for _, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		if used > 0 && used+1+n > width && line != indent {
			lines = append(lines, line)
			line, used = indent+word, utf8.RuneCountInString(indent)+n
			continue
		}
		if used > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+n
	}
	return append(lines, line)
}

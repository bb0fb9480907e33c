package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"sluice/config"
)

// judge reads the answer's body as far as the test asks for it, compares it, and keeps what is captured.
func (r *runner) judge(ctx context.Context, t *config.SmokeTest, answer *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody+1))
	switch {
	case t.ExpectedResponse == nil && len(t.Capture) == 0:
		if err != nil { // an answer that breaks off is no good one, whatever is expected
			return fmt.Errorf("answer: %w", because(ctx, err))
		}
		return nil
	case err != nil:
		return fmt.Errorf("answer: %w", because(ctx, err))
	case len(body) > maxBody:
		return fmt.Errorf("answer: longer than %d bytes", maxBody)
	}
	doc, jsonErr := decode(body)
	if err := r.expect(t.ExpectedResponse, body, doc, jsonErr); err != nil {
		return err
	}
	captured := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(t.Capture)) {
		value, err := capture(t.Capture[name], body, doc, jsonErr)
		if err != nil {
			return fmt.Errorf("capture %s: %w", name, err)
		}
		captured[name] = value
		r.secrets.add(name, plainText(value))
		r.secrets.add(t.Capture[name], plainText(value))
	}
	r.keep(captured)
	return nil
}

// expect compares the answer with what is wanted of it.
func (r *runner) expect(want any, body []byte, doc any, jsonErr error) error {
	if want == nil {
		return nil
	}
	if text, ok := want.(string); ok {
		return r.expectText(text, string(body), doc, jsonErr)
	}
	if jsonErr != nil {
		return fmt.Errorf("answer: got %s, want JSON: %w", r.show(string(body)), jsonErr)
	}
	return r.match("$", want, doc)
}

// expectText compares a whole body, line breaks at its end aside. A body that is one JSON string
// may be given without its quotes.
func (r *runner) expectText(want, body string, doc any, jsonErr error) error {
	trimmed := strings.TrimRight(body, "\r\n")
	ok, err := r.like(want, trimmed)
	if text, isText := doc.(string); err == nil && !ok && jsonErr == nil && isText {
		ok, err = r.like(want, text)
	}
	if err != nil {
		return err
	}
	switch {
	case ok:
		return nil
	case jsonErr == nil: // members whose name says that they are secret don't show
		return fmt.Errorf("answer: got %s, want %s", r.show(doc), r.showWanted(want))
	}
	return fmt.Errorf("answer: got %s, want %s", r.show(trimmed), r.showWanted(want))
}

// like reports whether a text is what is wanted, or matches it as an anchored regular expression. Values of
// variables stand for themselves in the expression.
func (r *runner) like(want, got string) (bool, error) {
	plain, err := r.fill(want, nil)
	if err != nil {
		return false, err
	}
	if plain == got {
		return true, nil
	}
	pattern, err := r.fill(want, regexp.QuoteMeta)
	if err != nil {
		return false, err
	}
	re, err := regexp.Compile(`^(?s:` + pattern + `)$`)
	return err == nil && re.MatchString(got), nil // what is no expression can only be equal
}

// match checks that got holds want: objects may have further members, arrays must agree
// element by element.
func (r *runner) match(path string, want, got any) error {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return r.mismatch(path, want, got)
		}
		for _, name := range slices.Sorted(maps.Keys(w)) {
			member, ok := g[name]
			switch {
			case !ok && secretName(path+"."+name):
				return fmt.Errorf("%s.%s: got nothing, want a value that is not shown", path, name)
			case !ok:
				return fmt.Errorf("%s.%s: got nothing, want %s", path, name, r.showWanted(w[name]))
			}
			if err := r.match(path+"."+name, w[name], member); err != nil {
				return err
			}
		}
		return nil
	case []any:
		g, ok := got.([]any)
		if !ok {
			return r.mismatch(path, want, got)
		}
		if len(g) != len(w) {
			return fmt.Errorf("%s: got %d elements, want %d", path, len(g), len(w))
		}
		for i := range w {
			if err := r.match(fmt.Sprintf("%s[%d]", path, i), w[i], g[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return r.matchScalar(path, want, got)
}

func (r *runner) matchScalar(path string, want, got any) error {
	text, isText := want.(string)
	if name, ok := lone(text); isText && ok { // the captured value with its type
		value, err := r.value(name)
		if err != nil {
			return err
		}
		if _, alsoText := value.(string); !alsoText {
			return r.match(path, value, got)
		}
	}
	if isText {
		g, ok := got.(string)
		if ok {
			var err error
			if ok, err = r.like(text, g); err != nil {
				return err
			}
		}
		if !ok {
			return r.mismatch(path, want, got)
		}
		return nil
	}
	if !same(want, got) {
		return r.mismatch(path, want, got)
	}
	return nil
}

func (r *runner) mismatch(path string, want, got any) error {
	if secretName(path) { // what lies below a secret is one too
		return fmt.Errorf("%s: got another value (not shown) than the one wanted", path)
	}
	return fmt.Errorf("%s: got %s, want %s", path, r.show(got), r.showWanted(want))
}

// show is a value fit for a message.
func (r *runner) show(v any) string {
	return clip(r.secrets.mask(shown(r.secrets.hide(v))))
}

// showWanted is what a test wants, as far as its variables are known.
func (r *runner) showWanted(v any) string {
	if filled, err := r.fillAll(v); err == nil {
		v = filled
	}
	return r.show(v)
}

func shown(v any) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(out.String())
}

const maxShown = 120 // bytes of a value in a message

func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}

// decode reads one JSON value, numbers as they are written.
func decode(body []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it is empty")
		}
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return v, nil
}

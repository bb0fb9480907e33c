package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxJSON bounds the body of a change, maxYAML a configuration to validate; bytes.
const (
	maxJSON = 64 << 10
	maxYAML = 1 << 20
)

// member is one name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// object reads the body as one JSON object whose members are exactly those of
// into, each of which may be left out. It is stricter than encoding/json: names
// are compared exactly, none may stand twice, nothing may follow, null is no value.
func (c *call) object(into map[string]any) error {
	data, err := c.body(maxJSON, "application/json")
	if err != nil {
		return err
	}
	members, err := membersOf(data)
	if err != nil {
		return kindBadRequest.problem("body: %v", err)
	}
	for _, m := range members {
		target, known := into[m.name]
		if !known {
			names := make([]string, 0, len(into))
			for name := range into {
				names = append(names, name)
			}
			slices.Sort(names)
			return unknown(kindBadRequest, "field", m.name, names)
		}
		if string(m.value) == "null" || json.Unmarshal(m.value, target) != nil {
			return kindBadRequest.problem("%s: got %s, want %s", m.name, printable(string(m.value)), wanted(target))
		}
	}
	return nil
}

func wanted(target any) string {
	switch target.(type) {
	case *string:
		return "a string"
	case *bool:
		return "true or false"
	case *float64, *int:
		return "a number"
	}
	return "an object"
}

// body reads at most limit bytes of one of the media types; none named: of any.
func (c *call) body(limit int64, mediaTypes ...string) ([]byte, error) {
	if err := c.checkMediaType(mediaTypes); err != nil {
		return nil, err
	}
	if c.r.Header.Get("Content-Encoding") != "" {
		return nil, kindMediaType.problem("compressed bodies are not accepted")
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, limit))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, kindTooLarge.problem("want at most %d bytes", limit)
	}
	if err != nil {
		return nil, kindBadRequest.problem("body: %v", err)
	}
	if !utf8.Valid(data) {
		return nil, kindBadRequest.problem("body: not UTF-8")
	}
	return data, nil
}

func (c *call) checkMediaType(wanted []string) error {
	if len(wanted) == 0 {
		return nil
	}
	got := c.r.Header.Get("Content-Type")
	media, params, err := mime.ParseMediaType(got)
	if err != nil || !slices.Contains(wanted, media) {
		return kindMediaType.problem("got Content-Type %s, want %s", printable(got), strings.Join(wanted, " or ")).
			with("Accept", strings.Join(wanted, ", "))
	}
	if set := params["charset"]; set != "" && !strings.EqualFold(set, "utf-8") {
		return kindMediaType.problem("got charset %s, want utf-8", printable(set))
	}
	return nil
}

// membersOf takes one JSON object apart, in order.
func membersOf(data []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil {
		return nil, plain(err)
	} else if open != json.Delim('{') {
		return nil, errors.New("want a JSON object")
	}
	var members []member
	seen := map[string]bool{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, plain(err)
		}
		m := member{name: name.(string)} // the decoder lets nothing else pass as a name
		if seen[m.name] {
			return nil, fmt.Errorf("%s stands twice", printable(m.name))
		}
		seen[m.name] = true
		if err := dec.Decode(&m.value); err != nil {
			return nil, plain(err)
		}
		members = append(members, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, plain(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	return members, nil
}

// plain says what an early end is.
func plain(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends too early")
	}
	return err
}

package promql

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// envelope is the answer of /api/v1/query, as far as it matters.
type envelope struct {
	Status   string   `json:"status"`
	Error    string   `json:"error"`
	Warnings []string `json:"warnings"`
	Data     struct {
		Type   string          `json:"resultType"`
		Result json.RawMessage `json:"result"`
	} `json:"data"`
}

// read takes the number out of an answer: a vector of one series, or a scalar. An answer
// with warnings is none: parts of the data may be missing.
func read(status int, body []byte) (float64, error) {
	var e envelope
	err := json.Unmarshal(body, &e)
	switch {
	case err == nil && e.Status == "error":
		return 0, fmt.Errorf("prometheus: answered %d: %s", status, clip(e.Error))
	case status != 200:
		return 0, fmt.Errorf("prometheus: answered %d", status)
	case err != nil || e.Status != "success":
		return 0, errors.New("prometheus: the answer is none of its API's")
	case len(e.Warnings) > 0:
		return 0, fmt.Errorf("prometheus: answered with a warning: %s", clip(e.Warnings[0]))
	}
	switch e.Data.Type {
	case "vector":
		return vector(e.Data.Result)
	case "scalar":
		return sample(e.Data.Result)
	}
	return 0, fmt.Errorf("prometheus: the result is a %s, want a vector of one series or a scalar", clip(e.Data.Type))
}

func vector(raw json.RawMessage) (float64, error) {
	var series []struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(raw, &series); err != nil {
		return 0, errors.New("prometheus: the result can't be read")
	}
	switch len(series) {
	case 0:
		return 0, errors.New("prometheus: no data")
	case 1:
		return sample(series[0].Value)
	}
	return 0, fmt.Errorf("prometheus: %d series, want one", len(series))
}

// sample is [time, "value"].
func sample(raw json.RawMessage) (float64, error) {
	var pair []json.RawMessage
	var text string
	if json.Unmarshal(raw, &pair) != nil || len(pair) != 2 || json.Unmarshal(pair[1], &text) != nil {
		return 0, errors.New("prometheus: the sample can't be read")
	}
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return 0, errors.New("prometheus: the sample is no number")
	case math.IsNaN(v), math.IsInf(v, 0):
		return 0, fmt.Errorf("prometheus: the value is %v", v)
	}
	return v, nil
}

// clip makes a foreign text fit for a log line.
func clip(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "…"
	}
	if s == "" {
		return "no reason"
	}
	return s
}

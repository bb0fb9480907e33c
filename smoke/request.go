package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sluice/config"
)

// request fills the variables into a test.
func (r *runner) request(ctx context.Context, t *config.SmokeTest) (*http.Request, error) {
	path, err := r.endpoint(t.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	method := t.Method
	if method == "" {
		method = http.MethodGet
	}
	body, isText, err := r.payload(t)
	if err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.target.URL, "/")+path, body)
	if err != nil {
		return nil, fmt.Errorf("endpoint: got %s, want a path", clip(r.secrets.mask(path)))
	}
	request.Header.Set("User-Agent", "sluice-smoke")
	request.Header.Set("Accept", "*/*")
	if t.Payload != nil && !isText {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Host = r.target.Host
	for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
		value, err := r.fill(t.Headers[name], nil)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", name, err)
		}
		r.secrets.add(name, value)
		if http.CanonicalHeaderKey(name) == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	return request, nil
}

// endpoint fills a path and its query: what a variable brings is escaped, so that it
// adds no segment, parameter or fragment of its own.
func (r *runner) endpoint(text string) (string, error) {
	path, query, hasQuery := strings.Cut(text, "?")
	path, err := r.fill(path, url.PathEscape)
	if err != nil || !hasQuery {
		return path, err
	}
	query, err = r.fill(query, url.QueryEscape)
	return path + "?" + query, err
}

// payload is JSON, unless it is a text and the test says by Content-Type that it is none.
func (r *runner) payload(t *config.SmokeTest) (body io.Reader, isText bool, err error) {
	if t.Payload == nil {
		return nil, false, nil
	}
	r.secrets.addAll(t.Payload)
	filled, err := r.fillAll(t.Payload)
	if err != nil {
		return nil, false, err
	}
	r.secrets.addAll(filled)
	for name, value := range t.Headers {
		if text, ok := filled.(string); ok && strings.EqualFold(name, "Content-Type") && !strings.Contains(strings.ToLower(value), "json") {
			return strings.NewReader(text), true, nil
		}
	}
	raw, err := json.Marshal(filled)
	return bytes.NewReader(raw), false, err
}

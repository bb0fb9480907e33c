package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"sluice/upstream"

	"github.com/spf13/cobra"
)

// adminFlags say where the admin API is and how to reach it.
type adminFlags struct {
	admin, ca, cert, key string
	timeout              time.Duration
}

func (f *adminFlags) add(cmd *cobra.Command) {
	address := os.Getenv("SLUICE_ADMIN")
	if address == "" {
		address = "http://127.0.0.1:9900"
	}
	cmd.Flags().StringVar(&f.admin, "admin", address, "admin API: URL, host:port or unix:/path; $SLUICE_ADMIN (token: $SLUICE_TOKEN)")
	cmd.Flags().StringVar(&f.ca, "admin-ca", "", "PEM file that verifies the admin API's certificate")
	cmd.Flags().StringVar(&f.cert, "admin-cert", "", "PEM file with a client certificate for the admin API")
	cmd.Flags().StringVar(&f.key, "admin-key", "", "PEM file with the key of --admin-cert")
	cmd.Flags().DurationVar(&f.timeout, "admin-timeout", 5*time.Second, "time for one call")
}

// adminClient talks to the admin API.
type adminClient struct {
	base   string
	token  string
	http   *http.Client
	within time.Duration
}

func (f *adminFlags) client() (*adminClient, error) {
	c := &adminClient{token: os.Getenv("SLUICE_TOKEN"), within: f.timeout}
	transport := &http.Transport{ResponseHeaderTimeout: f.timeout} // streams as well must begin in time
	switch path, unix := strings.CutPrefix(f.admin, "unix:"); {
	case unix:
		c.base = "http://localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
	case strings.Contains(f.admin, "://"):
		c.base = strings.TrimSuffix(f.admin, "/")
	default:
		c.base = "http://" + f.admin
	}
	if u, err := url.Parse(c.base); err != nil || u.Host == "" {
		return nil, fmt.Errorf("%w: --admin: got %q, want a URL, host:port or unix:/path", errUsage, f.admin)
	}
	conf, _, err := upstream.TLSConfig(f.ca, f.cert, f.key, "")
	if err != nil {
		return nil, fmt.Errorf("admin TLS: %w", err)
	}
	transport.TLSClientConfig = conf
	c.http = &http.Client{Transport: transport}
	return c, nil
}

// apiError is a problem+json answer.
type apiError struct {
	Status int
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (e *apiError) Error() string {
	if e.Detail != "" {
		return harmless(e.Detail)
	}
	return fmt.Sprintf("admin API answered %d %s", e.Status, harmless(e.Title))
}

// get reads path into out.
func (c *adminClient) get(ctx context.Context, path string, out any) error {
	_, err := c.call(ctx, http.MethodGet, path, nil, nil, out)
	return err
}

// call sends one request and decodes the answer into out (nil discards it). It returns the answer's ETag.
func (c *adminClient) call(ctx context.Context, method, path string, header http.Header, in, out any) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	resp, err := c.open(ctx, method, path, header, in)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", method, path, err)
	}
	if out != nil {
		if err := json.Unmarshal(body, out); err != nil {
			return "", fmt.Errorf("%s %s: answer is not the expected JSON: %w", method, path, err)
		}
	}
	return resp.Header.Get("ETag"), nil
}

// open sends one request and returns the answer if its status is a success.
func (c *adminClient) open(ctx context.Context, method, path string, header http.Header, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // the address need not be said twice
		}
		return nil, fmt.Errorf("admin API at %s: %w", c.base, err)
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		problem := &apiError{Status: resp.StatusCode, Title: http.StatusText(resp.StatusCode)}
		data, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		_ = json.Unmarshal(data, problem) // a body that is no problem+json leaves the status text
		problem.Status = resp.StatusCode
		return nil, problem
	}
	return resp, nil
}

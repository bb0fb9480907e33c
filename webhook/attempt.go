package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	maxAnswer  = 64 << 10 // bytes of an answer that are read
	maxMessage = 200      // characters of it that are kept
)

// outcome is how one attempt ended.
type outcome struct {
	ok      bool
	status  int
	again   bool          // another attempt may do better
	after   time.Duration // what the server asked to wait; 0: nothing
	message string
}

func (c *Client) attempt(ctx context.Context, u *url.URL, r Request) outcome {
	own, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	req, err := c.request(own, u, r)
	if err != nil {
		return outcome{message: "the request can't be made"} // err repeats the URL
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unanswered(ctx, own, r, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		out := c.unanswered(ctx, own, r, err)
		out.status = resp.StatusCode
		out.message = fmt.Sprintf("answered %d, but the answer did not end: %s", resp.StatusCode, out.message)
		return out
	}
	return judge(resp, r, Printable(hide(string(text), u, r), maxMessage))
}

func (c *Client) request(ctx context.Context, u *url.URL, r Request) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	version, contentType := c.Version, r.ContentType
	if version == "" {
		version = "dev"
	}
	if contentType == "" {
		contentType = "application/json"
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "sluice/"+version)
	for name, value := range map[string]string{headerEvent: r.Event, headerDelivery: r.Delivery} {
		if value != "" {
			req.Header.Set(name, Printable(value, maxMessage))
		}
	}
	if r.Secret != "" {
		stamp := strconv.FormatInt(time.Now().Unix(), 10)
		req.Header.Set(headerTimestamp, stamp)
		req.Header.Set(headerSignature, Sign(r.Secret.Reveal(), stamp, r.Body))
	}
	return req, nil
}

// unanswered says why there is no answer, without the URL.
func (c *Client) unanswered(ctx, own context.Context, r Request, err error) outcome {
	var whole *url.Error
	if errors.As(err, &whole) {
		err = whole.Err
	}
	var network *net.OpError
	switch {
	case ctx.Err() != nil:
		return outcome{message: "given up: nobody waits for it any more"}
	case errors.Is(own.Err(), context.DeadlineExceeded):
		return outcome{again: true, message: fmt.Sprintf("no answer within %v", r.Timeout)}
	case untrusted(err):
		return outcome{message: Printable("the server is not trusted: "+err.Error(), maxMessage)}
	case errors.As(err, &network) && network.Err != nil:
		return outcome{again: true, message: Printable(network.Op+": "+network.Err.Error(), maxMessage)}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return outcome{again: true, message: "the connection was closed without an answer"}
	}
	return outcome{again: true, message: Printable(err.Error(), maxMessage)}
}

// untrusted reports whether the server's certificate was refused: no repetition changes that.
func untrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

func judge(resp *http.Response, r Request, text string) outcome {
	code := resp.StatusCode
	passes := code >= 200 && code <= 299
	if r.Passes != nil {
		passes = r.Passes(code)
	}
	if passes {
		return outcome{ok: true, status: code, message: text}
	}
	out := outcome{status: code, again: again(code), message: fmt.Sprintf("answered %d", code)}
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		out.after = retryAfter(resp.Header, time.Now())
	}
	switch {
	case code >= 300 && code <= 399:
		out.message += ", a redirect, which is not followed"
	case text != "":
		out.message += ": " + text
	}
	return out
}

package router

import (
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"sluice/config"
)

// compilePolicy leaves out the mirror, which needs the service's pools.
func compilePolicy(cfg *config.Service) (p Policy, err error) {
	p = Policy{
		ConnectTimeout:  cfg.Timeouts.Connect,
		ResponseTimeout: cfg.Timeouts.Response,
		IdleTimeout:     cfg.Timeouts.Idle,
		WholeTimeout:    cfg.Timeouts.Whole,
		TunnelTimeout:   cfg.Timeouts.Tunnel,
		MaxBody:         cfg.Limits.MaxBody,
		Attempts:        max(1, cfg.Retries.Attempts),
		RetryBudget:     cfg.Retries.Budget,
		ReadsLoad:       cfg.ReadsLoad(),
	}
	if p.RetryOn, err = compileRetryOn(cfg.Retries.On); err != nil {
		return p, fmt.Errorf("retries: %w", err)
	}
	if s := cfg.Sticky; s != nil {
		p.Sticky = Sticky{Cookie: s.Cookie, Header: s.Header, Query: s.Query, ClientIP: s.ClientIP}
	}
	if p.Request, err = compileEdit(cfg.Headers.Request); err != nil {
		return p, fmt.Errorf("headers: request: %w", err)
	}
	if p.Response, err = compileEdit(cfg.Headers.Response); err != nil {
		return p, fmt.Errorf("headers: response: %w", err)
	}
	return p, nil
}

func compileRetryOn(words []string) (on RetryOn, err error) {
	for _, w := range words {
		switch w {
		case "connect_error":
			on.ConnectError = true
		case "reset":
			on.Reset = true
		case "timeout":
			on.Timeout = true
		default:
			status, err := strconv.Atoi(w)
			if err != nil || status < 400 || status > 599 {
				return on, fmt.Errorf("on: got %q, want connect_error, reset, timeout or a status from 400 to 599", w)
			}
			on.Statuses = append(on.Statuses, status)
		}
	}
	return on, nil
}

func compileEdit(e config.HeaderEdit) (h HeaderEdit, err error) {
	for _, name := range slices.Sorted(maps.Keys(e.Set)) {
		canonical, err := canonicalName(name)
		if err != nil {
			return h, err
		}
		value := strings.Trim(e.Set[name], " \t")
		for _, c := range []byte(value) {
			if c < ' ' && c != '\t' || c == 0x7f {
				return h, fmt.Errorf("set: value of %s holds a control character", canonical)
			}
		}
		h.Set = append(h.Set, Field{Name: []byte(canonical), Value: []byte(value)})
	}
	for _, name := range e.Remove {
		canonical, err := canonicalName(name)
		if err != nil {
			return h, err
		}
		h.Remove = append(h.Remove, canonical)
	}
	return h, nil
}

// canonicalName checks that name is a token (RFC 9110, section 5.6.2).
func canonicalName(name string) (string, error) {
	for _, c := range []byte(name) {
		letter := 'a' <= lower(c) && lower(c) <= 'z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return "", fmt.Errorf("header name %q holds %q", name, c)
		}
	}
	if name == "" {
		return "", fmt.Errorf("header name is empty")
	}
	return textproto.CanonicalMIMEHeaderKey(name), nil
}

// compileMirror is called when the service's versions are known; the pool is set later.
func compileMirror(m *config.Mirror, s *Service) (*Mirror, error) {
	if m == nil {
		return nil, nil
	}
	i := slices.Index(s.names(), m.To)
	if i < 0 {
		return nil, fmt.Errorf("mirror: to %q, which is not among the versions", m.To)
	}
	out := &Mirror{
		Version: s.Versions[i], Share: m.Percent / 100, MaxBody: m.MaxBody, Timeout: m.Timeout,
		Compare: m.Compare, Ignore: m.Ignore, Headers: m.Headers,
	}
	for _, method := range m.Methods {
		out.Methods = append(out.Methods, strings.ToUpper(method))
	}
	return out, nil
}

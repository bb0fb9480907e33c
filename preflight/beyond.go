package preflight

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"

	"sluice/config"
)

// hooks connects to the hosts of hooks and notifications. Only hosts are named: the rest of such a URL is a secret, often.
func (s *Subject) hooks(ctx context.Context) []Finding {
	const name = "hooks"
	if s.Service.Rollout == nil {
		return ok(name, Warning, "there are none")
	}
	hosts := map[string][]string{} // by host:port, who is there
	add := func(who, text string) {
		if u, err := url.Parse(text); err == nil && u.Hostname() != "" {
			address := net.JoinHostPort(u.Hostname(), portOf(u))
			hosts[address] = append(hosts[address], who)
		}
	}
	for _, h := range s.Service.Rollout.Hooks {
		add("hook "+h.Name, h.URL)
	}
	for _, n := range s.Service.Rollout.Notify {
		add("notification "+n.Type, n.URL.Reveal())
	}
	if len(hosts) == 0 {
		return ok(name, Warning, "there are none")
	}
	addresses := slices.Sorted(maps.Keys(hosts))
	errs := make([]error, len(addresses))
	each(len(addresses), func(i int) { errs[i] = connect(ctx, addresses[i]) })
	var bad []string
	for i, err := range errs {
		if err != nil {
			bad = append(bad, fmt.Sprintf("%s: %v", hosts[addresses[i]][0], err))
		}
	}
	if len(bad) > 0 {
		return not(name, Warning, "%d of %d hosts can't be reached: %s", len(bad), len(addresses), some(bad))
	}
	return ok(name, Warning, "all %d hosts accept connections", len(addresses))
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func connect(ctx context.Context, address string) error {
	d := net.Dialer{Timeout: answerWithin}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}

// metrics asks the sources of figures: one that a stage needs to pass must answer.
func (s *Subject) metrics(ctx context.Context) []Finding {
	const name = "metrics"
	all := s.Service.Guard.Metrics
	if len(all) == 0 || s.Ask == nil {
		return ok(name, Warning, "no figures come from outside")
	}
	errs := make([]error, len(all))
	each(len(all), func(i int) { errs[i] = s.ask(ctx, &all[i].Prometheus) })
	severity := Warning
	var bad []string
	for i, err := range errs {
		if err == nil {
			continue
		}
		if len(all[i].Success) > 0 {
			severity = Critical
		}
		bad = append(bad, fmt.Sprintf("%s: %v", all[i].Name, err))
	}
	if len(bad) > 0 {
		return not(name, severity, "%d of %d sources don't answer: %s", len(bad), len(all), some(bad))
	}
	return ok(name, Critical, "all %d sources answer", len(all))
}

func (s *Subject) ask(ctx context.Context, p *config.Prometheus) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	err := s.Ask(ctx, p)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v", answerWithin)
	}
	return err
}

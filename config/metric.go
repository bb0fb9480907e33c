package config

import (
	"errors"
	"net/url"
	"slices"
	"time"
)

// Metric is a figure from outside with the conditions on it. It is asked for once for
// each version, and has no e-process: it breaches by persistence.
type Metric struct {
	Name        string
	Prometheus  Prometheus
	Breach      []Threshold // any one of these, Evaluations times in a row, condemns the version
	Success     []Threshold // each must hold, so often in a row, for a stage to pass
	Evaluations int         // in a row; default 3
}

// Prometheus is one instant query.
type Prometheus struct {
	URL      string        // of the server; /api/v1/query is added
	Query    string        // ${service} and ${version} are filled in at run time; $$ is a dollar
	Token    Secret        // bearer token; "": none
	TLS      *UpstreamTLS  // nil: the system's roots
	Interval time.Duration // between two evaluations; default 15s
	Timeout  time.Duration // of one; default 2s, at most Interval
}

func metricKind() kind[Metric] {
	m := metric{name: "metrics", unit: numberUnit}
	form := thresholdPattern()
	conditions := func(breach bool) kind[[]Threshold] { return oneOrMore(threshold(m, breach, form)) }
	return mapping(Metric{Evaluations: 3},
		needs("name", "The metric's name, unique.", name(), func(m *Metric) *string { return &m.Name }),
		needs("prometheus", "Where the figure comes from.", prometheusKind(), func(m *Metric) *Prometheus { return &m.Prometheus }),
		has("breach", "Any one of these, so many evaluations in a row, condemns the version.", conditions(true), func(m *Metric) *[]Threshold { return &m.Breach }),
		has("success", "Each must hold, so many evaluations in a row, for a stage to pass.", conditions(false), func(m *Metric) *[]Threshold { return &m.Success }),
		has("evaluations", "How many evaluations in a row decide.", integer(1, 1000), func(m *Metric) *int { return &m.Evaluations }),
	)
}

func prometheusKind() kind[Prometheus] {
	return mapping(Prometheus{Interval: 15 * time.Second, Timeout: 2 * time.Second},
		needs("url", "URL of the server, without /api/v1/query.", text("a URL such as http://prometheus:9090", "", prometheusURL), func(p *Prometheus) *string { return &p.URL }),
		needs("query", "PromQL that gives one number for one version; ${service} and ${version} are filled in at run time.",
			atRun(nonEmpty("a PromQL query with ${version} in it")), func(p *Prometheus) *string { return &p.Query }),
		has("token", "Bearer token; best ${file:/run/secrets/…}.", secret(checkBearer), func(p *Prometheus) *Secret { return &p.Token }),
		has("tls", "How an https URL is verified, and who we say we are.", optional(upstreamTLSKind()), func(p *Prometheus) **UpstreamTLS { return &p.TLS }),
		has("interval", "Time between two evaluations.", duration(time.Second), func(p *Prometheus) *time.Duration { return &p.Interval }),
		has("timeout", "For one evaluation.", duration(10*time.Millisecond), func(p *Prometheus) *time.Duration { return &p.Timeout }),
	)
}

func prometheusURL(s string) error {
	if u, err := url.Parse(s); err == nil && u.User != nil {
		return errors.New("it must not hold a user or password; token is for that")
	}
	return bareURL(s)
}

// bareURL is a URL that something is added to.
func bareURL(s string) error {
	if err := webhookURL(s); err != nil {
		return err
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errShape
	case u.User != nil:
		return errors.New("it must not hold a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("it must not hold a query")
	}
	return nil
}

func checkBearer(s string) error {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return errors.New("the token must be of printable ASCII without spaces, as it travels in a header")
		}
	}
	if s == "" {
		return errors.New("the token is empty")
	}
	return nil
}

// validateMetrics also looks for ${version}: without it every version would be
// held to the same figure.
func (d *decoder) validateMetrics(all []Metric, path string) {
	seen := map[string]string{}
	for i := range all {
		m, at := &all[i], element(path, i)
		d.unique(seen, m.Name, at+".name", "metric")
		if slices.ContainsFunc(metrics(), func(own metric) bool { return own.name == m.Name }) || m.Name == expressionName {
			d.fault(at+".name", "got %s, which is a metric of sluice's own", quote(m.Name))
		}
		if len(m.Breach) == 0 && len(m.Success) == 0 && !d.stands(at+".breach") && !d.stands(at+".success") {
			d.fault(at, "want breach, success or both")
		}
		p := &m.Prometheus
		if !d.opaque(at+".prometheus.timeout") && !d.opaque(at+".prometheus.interval") && p.Timeout > p.Interval {
			d.fault(at+".prometheus.timeout", "got %s, want at most the interval of %s", formatDuration(p.Timeout), formatDuration(p.Interval))
		}
		d.validateQuery(p.Query, at+".prometheus.query")
	}
}

func (d *decoder) validateQuery(query, path string) {
	if !d.options.Expand || query == "" || d.faulty(path) {
		return
	}
	found := false
	for _, v := range variablePattern().FindAllStringSubmatch(query, -1) {
		switch v[1] {
		case "", "service":
		case "version":
			found = true
		default:
			d.fault(path, "${%s} is not known here, want ${service} or ${version}; the environment is ${env:%s}", v[1], v[1])
		}
	}
	if !found {
		d.fault(path, "it does not hold ${version}: every version would be held to the same figure")
	}
}

// For is the query for one version.
func (p *Prometheus) For(service, version string) string {
	return variablePattern().ReplaceAllStringFunc(p.Query, func(v string) string {
		switch v {
		case "$$":
			return "$"
		case "${service}":
			return service
		case "${version}":
			return version
		}
		return v
	})
}

package trial

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Scrape is one reading of /metrics: values by sample, labels as written.
type Scrape map[string]float64

// Scrape reads /metrics.
func (p *Process) Scrape(ctx context.Context) (Scrape, error) {
	var text string
	if err := p.API(ctx, "GET", "/metrics", nil, &text); err != nil {
		return nil, err
	}
	return ParseScrape(text)
}

// ParseScrape reads the text format. An error names the line.
func ParseScrape(text string) (Scrape, error) {
	s := Scrape{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		if i < 0 {
			return nil, fmt.Errorf("scrape: no value in %q", line)
		}
		v, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("scrape: %q: %w", line, err)
		}
		s[line[:i]] = v
	}
	return s, nil
}

// Sum adds the samples of a metric that have all the labels, each written as name="value".
func (s Scrape) Sum(metric string, labels ...string) (sum float64) {
	for sample, v := range s {
		name, rest, _ := strings.Cut(sample, "{")
		if name != metric {
			continue
		}
		has := true
		for _, l := range labels {
			has = has && (strings.HasPrefix(rest, l) || strings.Contains(rest, ","+l))
		}
		if has {
			sum += v
		}
	}
	return sum
}

package main

import (
	"sluice/notify"

	"github.com/prometheus/client_golang/prometheus"
)

// notifications exports what became of the messages to people.
type notifications struct {
	sender     *notify.Sender
	told       *prometheus.Desc
	suppressed *prometheus.Desc
}

func notificationFigures(s *notify.Sender) prometheus.Collector {
	return &notifications{
		sender:     s,
		told:       prometheus.NewDesc("sluice_notifications_total", "Notifications by type of target and result: sent, failed or dropped.", []string{"type", "result"}, nil),
		suppressed: prometheus.NewDesc("sluice_notifications_suppressed_total", "Notifications held back, as the same had been told within a minute.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *notifications) Describe(out chan<- *prometheus.Desc) {
	out <- c.told
	out <- c.suppressed
}

// Collect implements prometheus.Collector.
func (c *notifications) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.sender.Stats() {
		for result, n := range map[string]uint64{"sent": s.Sent, "failed": s.Failed, "dropped": s.Dropped} {
			out <- prometheus.MustNewConstMetric(c.told, prometheus.CounterValue, float64(n), s.Type, result)
		}
	}
	out <- prometheus.MustNewConstMetric(c.suppressed, prometheus.CounterValue, float64(c.sender.Suppressed()))
}

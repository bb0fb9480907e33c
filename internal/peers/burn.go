package peers

// Burn is the page of multi-window burn-rate alerting: a budget of errors burns
// 14.4 times too fast over both the last hour and the last five minutes. It was made
// for a service's budget of thirty days; on a canary the hour is just the time since its
// start.
//
// Source: The Site Reliability Workbook, chapter 5, table 5-8.
type Burn struct {
	limit       float64
	clock       clock
	hour, short window
}

const burnRate = 14.4

// NewBurn pages at 14.4 times the errors that objective (0.999) allows, evaluated
// every 15 s.
func NewBurn(objective float64) *Burn {
	return &Burn{limit: burnRate * (1 - objective), clock: clock{every: 15}, hour: newWindow(3600), short: newWindow(300)}
}

// Add takes in a second and reports whether the alert fires.
func (b *Burn) Add(s *Second) bool {
	b.hour.add(s)
	b.short.add(s)
	return b.clock.tick() && b.short.sum.canary.rate() > b.limit && b.hour.sum.canary.rate() > b.limit
}

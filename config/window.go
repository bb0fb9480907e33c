package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // hosts and containers without zoneinfo know the zones too
)

// weekWindowKind reads {days: [mon, tue], from: "09:00", to: "17:00", timezone: Europe/Berlin}.
func weekWindowKind() kind[Window] {
	return mapping(Window{Location: time.UTC},
		has("days", "Days on which the window opens. Default: every day.", daysKind(), func(w *Window) *[]time.Weekday { return &w.Days }),
		has("from", "When it opens.", clock(false), func(w *Window) *time.Duration { return &w.From }),
		has("to", "When it closes; before from: on the next day; the same: a whole day.", clock(true), func(w *Window) *time.Duration { return &w.To }),
		has("timezone", "A name of the IANA time zone database. Default: UTC.", timezone(), func(w *Window) **time.Location { return &w.Location }),
	)
}

func weekdays() []string {
	return []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
}

// daysKind is one or more days and ranges of them, fri-mon included; kept as single days.
func daysKind() kind[[]time.Weekday] {
	const want = "a day such as mon, or a range such as mon-fri"
	span := scalar(want, parseDays, nil, schema{"type": "string"}) // any case: a pattern of JavaScript has no flag for that
	span.show = func(v []time.Weekday) any { return weekdays()[v[0]%7][:3] }
	spans := oneOrMore(span)
	return kind[[]time.Weekday]{
		read: func(d *decoder, n *node, path string, dst *[]time.Weekday) {
			if n.kind == listNode && len(n.items) == 0 {
				d.faultAt(n.line, n.col, path, "the list is empty, so the window never opens; leave days out for every day")
				return
			}
			var all [][]time.Weekday
			spans.read(d, n, path, &all)
			for i, days := range all {
				for _, day := range days {
					if slices.Contains(*dst, day) {
						d.fault(element(path, i), "%s stands here twice", weekdays()[day])
						continue
					}
					*dst = append(*dst, day)
				}
			}
		},
		show: func(v []time.Weekday) any {
			single := make([][]time.Weekday, len(v))
			for i, day := range v {
				single[i] = []time.Weekday{day}
			}
			return spans.show(single)
		},
		schema: spans.schema,
	}
}

func parseDays(s string) ([]time.Weekday, error) {
	first, last, ranged := strings.Cut(strings.ToLower(s), "-")
	from, to := weekday(first), weekday(last)
	switch {
	case from < 0 || ranged && to < 0:
		return nil, errShape
	case !ranged:
		return []time.Weekday{from}, nil
	case from == to:
		return nil, errors.New("a range goes from one day to another; leave days out for every day")
	}
	all := []time.Weekday{from}
	for day := from; day != to; {
		day = (day + 1) % 7
		all = append(all, day)
	}
	return all, nil
}

// weekday reads mon or monday; -1: neither.
func weekday(s string) time.Weekday {
	for i, full := range weekdays() {
		if s == full || s == full[:3] {
			return time.Weekday(i)
		}
	}
	return -1
}

// clock is a time of day, from 00:00 to 23:59; a closing one may be 24:00, which is 00:00 of the next day.
func clock(closing bool) kind[time.Duration] {
	return scalar(`a time of day such as "09:00"`, func(s string) (time.Duration, error) {
		hours, minutes, ok := strings.Cut(s, ":")
		if !ok || len(hours) < 1 || len(hours) > 2 || len(minutes) != 2 || !digitsOnly(hours) || !digitsOnly(minutes) {
			return 0, errShape
		}
		h, m := twoDigits(hours), twoDigits(minutes)
		switch {
		case h == 24 && m == 0 && closing:
			return 0, nil
		case h == 24 && m == 0:
			return 0, errors.New("a window opens at 23:59 at the latest, write 00:00 of the next day")
		case h > 23 || m > 59:
			return 0, errors.New("it must be from 00:00 to 23:59")
		}
		return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute, nil
	}, func(v time.Duration) any {
		return fmt.Sprintf("%02d:%02d", int(v.Hours()), int(v.Minutes())%60)
	}, schema{"type": "string", "pattern": `^\d{1,2}:\d\d$|` + reference})
}

func twoDigits(s string) (n int) {
	for _, c := range []byte(s) {
		n = n*10 + int(c-'0')
	}
	return n
}

// timezone refuses Local: the same file would mean other times on other machines.
func timezone() kind[*time.Location] {
	return scalar("a time zone such as Europe/Berlin or UTC", func(s string) (*time.Location, error) {
		if s == "" || s == "Local" {
			return nil, errShape
		}
		at, err := time.LoadLocation(s)
		if err != nil {
			return nil, errShape
		}
		return at, nil
	}, func(v *time.Location) any {
		if v == nil {
			return "UTC"
		}
		return v.String()
	}, schema{"type": "string"})
}

package config

import "time"

const (
	maxInjection = time.Hour
	maxDelay     = 5 * time.Minute
)

func injectionKind() kind[Injection] {
	return mapping(Injection{Traffic: "preview"},
		needs("name", "The experiment's name, unique in its service.", name(), func(i *Injection) *string { return &i.Name }),
		needs("version", "The version whose requests suffer.", name(), func(i *Injection) *string { return &i.Version }),
		needs("percent", "Share of its requests.", percent(), func(i *Injection) *float64 { return &i.Percent }),
		needs("duration", "When it ends by itself; at most 1h.", duration(time.Second), func(i *Injection) *time.Duration { return &i.Duration }),
		has("traffic", "preview: previews and mirrored copies only; all: users' requests too.", choice[string]("preview", "all"), func(i *Injection) *string { return &i.Traffic }),
		has("delay", "Wait before the request is sent.", seldomTime(duration(0)), func(i *Injection) *time.Duration { return &i.Delay }),
		has("jitter", "Spread of the delay, uniform: from delay - jitter to delay + jitter.", seldomTime(duration(0)), func(i *Injection) *time.Duration { return &i.Jitter }),
		has("abort", "Answer with this status instead.", seldomInt(integer(400, 599)), func(i *Injection) *int { return &i.Abort }),
		has("reset", "Close the client's connection without an answer.", seldomTrue(), func(i *Injection) *bool { return &i.Reset }),
		has("blackhole", "No answer until the response timeout.", seldomTrue(), func(i *Injection) *bool { return &i.Blackhole }),
	)
}

// seldomInt is a number that is shown only where there is one.
func seldomInt(k kind[int]) kind[int] {
	show := k.show
	k.show = func(v int) any {
		if v == 0 {
			return nil
		}
		return show(v)
	}
	return k
}

func seldomTrue() kind[bool] {
	k := boolean()
	k.show = func(v bool) any {
		if !v {
			return nil
		}
		return true
	}
	return k
}

func (d *decoder) validateInjections(s *Service, service string) {
	seen := map[string]string{}
	for i := range s.Faults {
		f, at := &s.Faults[i], element(service+".faults", i)
		d.unique(seen, f.Name, at+".name", "experiment")
		d.knownVersion(s, service, at+".version", f.Version)
		d.validateEffect(f, at)
		if d.known(at+".percent") && f.Percent == 0 {
			d.fault(at+".percent", "got 0, so nothing would be hit")
		}
		if d.known(at+".duration") && f.Duration > maxInjection {
			d.fault(at+".duration", "got %s, want at most %s", formatDuration(f.Duration), formatDuration(maxInjection))
		}
		if f.Traffic == "preview" && s.Rollout == nil && s.Mirror == nil && !d.wrongOrOpaque(at+".traffic") {
			d.fault(at, "traffic is preview, and this service has neither a rollout, whose canary could be previewed, nor a mirror")
		}
	}
}

// validateEffect wants a delay, one of the other effects, or both.
func (d *decoder) validateEffect(f *Injection, path string) {
	effects := 0
	for _, key := range []string{".abort", ".reset", ".blackhole"} {
		if d.wrongOrOpaque(path+key) || d.wrongOrOpaque(path+".delay") {
			return
		}
	}
	for _, there := range []bool{f.Abort != 0, f.Reset, f.Blackhole} {
		if there {
			effects++
		}
	}
	switch {
	case effects > 1:
		d.fault(path, "want at most one of abort, reset, blackhole")
	case effects == 0 && f.Delay == 0:
		d.fault(path, "there is no effect, want delay, abort, reset or blackhole")
	case f.Delay > maxDelay:
		d.fault(path+".delay", "got %s, want at most %s", formatDuration(f.Delay), formatDuration(maxDelay))
	}
	if f.Jitter > f.Delay && !d.wrongOrOpaque(path+".jitter") {
		d.fault(path+".jitter", "got %s, want at most the delay of %s", formatDuration(f.Jitter), formatDuration(f.Delay))
	}
}

package history

import (
	"math"
	"slices"
	"time"
)

// Figures are the measures of delivery performance that DORA's research uses (dora.dev), and two more, as
// this proxy can know them: it sees rollouts, not deployments that passed it by. A record
// counts in the window in which its rollout ended; a promotion that was taken back
// counts as failed there, whenever that was. Shadows bring no change to users, however they end: they are among
// Runs and Of of DeploymentFrequency, and in nothing else. A figure without data has no value: that is null, never 0.
type Figures struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	Runs  Runs      `json:"runs"`

	// DeploymentFrequency is promotions per day. DORA counts deployments to production; a canary that
	// was condemned on its way was one for them, and is none here. Of: rollouts that ended.
	DeploymentFrequency Figure `json:"deployment_frequency"`
	// LeadTime is from the commit to the promotion, when all users have the change, in seconds, of the promotions whose
	// version says when it was committed (label committed_at). Of: promotions.
	LeadTime Spread `json:"lead_time"`
	// TimeToRestore is from the first sign of a failure until the failing version had no traffic, in
	// seconds: DORA's failed deployment recovery time. Incidents without a rollout are not in it, nor are
	// failures before any user was on the canary. Of: failed changes less those.
	TimeToRestore Spread `json:"time_to_restore"`
	// ChangeFailureRate is the share of failed changes, rolled back or taken back after their promotion, in those that
	// ended by promotion or rollback. DORA counts those that hurt users and needed a remedy; here a canary that the guard cut
	// counts as well, however few saw it: the figure is higher, and says how good changes are, not how safe delivery is.
	ChangeFailureRate Figure `json:"change_failure_rate"`
	// RollbackRate is the share of those rolled back before their promotion, in the same.
	RollbackRate Figure `json:"rollback_rate"`
	// SuccessRate is the share of promotions that stood, in all rollouts that were to promote and were decided:
	// promoted, rolled back or aborted. Superseded ones don't count.
	SuccessRate Figure `json:"success_rate"`
}

// Runs counts rollouts that ended, by outcome; Undone are among Promoted, Unseen among RolledBack: they
// failed before any user was on the canary, in preflight, smoke tests, a preview or a hook.
type Runs struct {
	Ended      int `json:"ended"`
	Promoted   int `json:"promoted"`
	RolledBack int `json:"rolled_back"`
	Aborted    int `json:"aborted"`
	Superseded int `json:"superseded"`
	Completed  int `json:"completed"`
	Undone     int `json:"undone"`
	Unseen     int `json:"unseen"`
}

// Figure is a value with the counts that it stands on: 2 of 3, say. A rate is from 0 to 1.
type Figure struct {
	Value *float64 `json:"value"` // nil: no data
	Count int      `json:"count"`
	Of    int      `json:"of"`
}

// Spread is the middle of some times, in seconds, with their number. Median is the mean
// of the middle two where there are two; P90 is the smallest that 90 % don't exceed.
type Spread struct {
	Median *float64 `json:"median_s"` // nil: no data
	P90    *float64 `json:"p90_s"`    // nil: no data
	Count  int      `json:"count"`    // that are known
	Of     int      `json:"of"`
}

// KPIs works the figures out from what ended after now - window, until now. It is pure.
func KPIs(records []Record, window time.Duration, now time.Time) Figures {
	f := Figures{Since: now.Add(-window).UTC(), Until: now.UTC()}
	var changes Runs // without shadows
	var leads, restores []time.Duration
	for i := range records {
		r := &records[i]
		if !r.EndedAt.After(f.Since) || r.EndedAt.After(f.Until) {
			continue
		}
		f.Runs.add(r)
		if r.Strategy == shadow {
			continue
		}
		changes.add(r)
		if d, ok := r.lead(); ok {
			leads = append(leads, d)
		}
		if d, ok := r.restore(); ok {
			restores = append(restores, d)
		}
	}
	n := changes
	failed, decided := n.RolledBack+n.Undone, n.Promoted+n.RolledBack
	f.DeploymentFrequency = perDay(n.Promoted, f.Runs.Ended, window)
	f.LeadTime = spread(leads, n.Promoted)
	f.TimeToRestore = spread(restores, failed-n.Unseen)
	f.ChangeFailureRate = rate(failed, decided)
	f.RollbackRate = rate(n.RolledBack, decided)
	f.SuccessRate = rate(n.Promoted-n.Undone, decided+n.Aborted)
	return f
}

func (n *Runs) add(r *Record) {
	n.Ended++
	switch r.Outcome {
	case Promoted:
		n.Promoted++
		if r.failed() {
			n.Undone++
		}
	case RolledBack:
		n.RolledBack++
		if !r.seen() {
			n.Unseen++
		}
	case Aborted:
		n.Aborted++
	case Superseded:
		n.Superseded++
	case Completed:
		n.Completed++
	}
}

// perDay has no value without any rollout: nobody knows then whether the proxy was in use.
func perDay(count, of int, window time.Duration) Figure {
	f := Figure{Count: count, Of: of}
	if of > 0 && window > 0 {
		v := float64(count) / (window.Hours() / 24)
		f.Value = &v
	}
	return f
}

func rate(count, of int) Figure {
	f := Figure{Count: count, Of: of}
	if of > 0 {
		v := float64(count) / float64(of)
		f.Value = &v
	}
	return f
}

func spread(all []time.Duration, of int) Spread {
	s := Spread{Count: len(all), Of: of}
	n := len(all)
	if n == 0 {
		return s
	}
	slices.Sort(all)
	median := (all[(n-1)/2].Seconds() + all[n/2].Seconds()) / 2
	p90 := all[int(math.Ceil(0.9*float64(n)))-1].Seconds()
	s.Median, s.P90 = &median, &p90
	return s
}

package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

	"sluice/analysis"
	"sluice/config"
	"sluice/rollout"
	"sluice/router"
)

// serviceView is a service as the API shows it.
type serviceView struct {
	Name     string        `json:"name"`
	Stable   string        `json:"stable"`
	SetBy    string        `json:"set_by,omitempty"` // who set the live weights
	SetAt    time.Time     `json:"set_at,omitzero"`
	Reason   string        `json:"reason,omitempty"`
	ETag     string        `json:"etag"`              // names weights and states alone, not the counters: good for If-Match, never for 304
	DryRun   bool          `json:"dry_run,omitempty"` // weights and shares are what they would be
	Declared declaredView  `json:"declared"`
	Rollout  *briefView    `json:"rollout,omitempty"`  // of a service that has one, or could
	Compares bool          `json:"compares,omitempty"` // answers of mirrored copies with stable's: GET comparison has them
	Versions []versionView `json:"versions"`
}

// declaredView is what the file says, beside what is live.
type declaredView struct {
	Stable  string             `json:"stable"`
	Weights map[string]percent `json:"weights"`
}

type versionView struct {
	Name           string         `json:"name"`
	Weight         percent        `json:"weight"` // wanted
	DeclaredWeight percent        `json:"declared_weight"`
	Share          percent        `json:"share"` // what it gets now
	State          string         `json:"state"`
	Requests       uint64         `json:"requests"`
	Errors         uint64         `json:"errors"`
	ErrorRate      float64        `json:"error_rate"` // 0..1
	RPS            float64        `json:"rps"`
	P50            float64        `json:"p50_ms"`
	P99            float64        `json:"p99_ms"`
	InFlight       int64          `json:"in_flight"`
	Evidence       evidenceView   `json:"evidence"`
	Promotion      *promotionView `json:"promotion,omitempty"` // of a canary with success criteria
	Endpoints      []endpointView `json:"endpoints"`
}

// evidenceView is where the verdict about a version stands.
type evidenceView struct {
	Standing  string     `json:"standing"`
	M         float64    `json:"m"`     // evidence now
	Bound     float64    `json:"bound"` // M that condemns
	Metric    string     `json:"metric,omitempty"`
	Threshold string     `json:"threshold,omitempty"`
	Since     time.Time  `json:"since,omitzero"` // most likely change, from which the counts are
	Canary    countsView `json:"canary"`
	Stable    countsView `json:"stable"`
	Effect    float64    `json:"effect"` // the ratio (or rate) that explains it best
	Summary   string     `json:"summary,omitempty"`
}

// promotionView is where the evidence stands that a canary is good.
type promotionView struct {
	Ready     bool    `json:"ready"`
	M         float64 `json:"m"`     // evidence for the criterion with the least of it
	Bound     float64 `json:"bound"` // M that passes
	Metric    string  `json:"metric,omitempty"`
	Threshold string  `json:"threshold,omitempty"`
	Requests  uint64  `json:"requests"` // of the canary at this weight
	Missing   uint64  `json:"missing"`  // about how many more it takes; 0: none, or unknown
	Summary   string  `json:"summary"`
}

type countsView struct {
	Requests uint64 `json:"requests"`
	Failed   uint64 `json:"failed"`
}

type endpointView struct {
	URL      string `json:"url"`
	Addr     string `json:"addr"`
	Healthy  bool   `json:"healthy"`
	Ejected  bool   `json:"ejected"`
	InFlight int64  `json:"in_flight"`
}

// getServices shows all services. Its ETag changes when any service's does.
func (s *Server) getServices(c *call) error {
	services := s.o.Live.Load().Services()
	answer := struct {
		Services []serviceView `json:"services"`
	}{make([]serviceView, 0, len(services))}
	tags := sha256.New()
	for _, svc := range services {
		view := s.liveView(svc)
		fmt.Fprintf(tags, "%s=%s\n", view.Name, view.ETag)
		answer.Services = append(answer.Services, view)
	}
	c.w.Header().Set("ETag", `"`+hex.EncodeToString(tags.Sum(nil)[:12])+`"`)
	return c.json(answer)
}

func (s *Server) getService(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	return s.answerService(c, svc)
}

func (s *Server) answerService(c *call, svc *router.Service) error {
	view := s.liveView(svc)
	c.w.Header().Set("ETag", view.ETag)
	return c.json(view)
}

// getDecisions shows what was decided about a service, newest first.
func (s *Server) getDecisions(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	decisions := s.o.Controller.Decisions(svc.Name)
	if decisions == nil {
		decisions = []rollout.Decision{}
	}
	return c.json(map[string]any{"service": svc.Name, "decisions": decisions})
}

// service is the one the path names.
func (s *Server) service(c *call) (*router.Service, error) {
	name := c.r.PathValue("service")
	c.audit.service = printable(name)
	if svc := s.o.Live.Load().Service(name); svc != nil {
		return svc, nil
	}
	return nil, unknown(kindNotFound, "service", name, s.o.Live.Services())
}

// liveView takes the tag first: whoever changes something in between makes it
// stale, never the other way round.
func (s *Server) liveView(svc *router.Service) serviceView {
	tag := s.o.Controller.ETag(svc.Name)
	w, _ := s.o.Live.Weights(svc.Name)
	view := s.viewOf(svc, w, svc.Shares())
	view.ETag, view.Rollout = tag, s.briefOf(svc.Name)
	view.Compares = svc.Policy.Mirror != nil && svc.Policy.Mirror.Compare
	return view
}

// viewOf shows svc under the weights w and shares by version index.
func (s *Server) viewOf(svc *router.Service, w config.Weights, shares []float64) serviceView {
	declared := s.o.Controller.Declared(svc.Name)
	view := serviceView{
		Name: svc.Name, Stable: w.Stable, SetBy: w.By, SetAt: w.At.UTC(), Reason: w.Reason, ETag: s.o.Controller.ETag(svc.Name),
		Declared: declaredView{Stable: declared.Stable, Weights: map[string]percent{}},
		Versions: make([]versionView, 0, len(svc.Versions)),
	}
	for i, v := range svc.Versions {
		view.Declared.Weights[v.Name] = percent(declared.BP[v.Name])
		stats := s.o.Controller.Stats(svc.Name, v.Name)
		view.Versions = append(view.Versions, versionView{
			Name: v.Name, Weight: percent(w.BP[v.Name]), DeclaredWeight: percent(declared.BP[v.Name]),
			Share: percentOf(shares[i]), State: w.States[v.Name].String(),
			Requests: stats.Requests, Errors: stats.Failed, ErrorRate: stats.ErrorRate, RPS: stats.RPS,
			P50: milliseconds(stats.P50), P99: milliseconds(stats.P99), InFlight: v.Active.Load(),
			Evidence:  evidenceOf(s.o.Controller.Verdict(svc.Name, v.Name)),
			Promotion: promotionOf(s.o.Controller.Promotion(svc.Name, v.Name)),
			Endpoints: endpointsOf(svc, i),
		})
	}
	return view
}

func endpointsOf(svc *router.Service, index int) []endpointView {
	views := []endpointView{}
	for _, e := range svc.Pools[index].Endpoints() {
		views = append(views, endpointView{URL: e.URL(), Addr: e.Addr(), Healthy: e.Healthy(), Ejected: e.Ejected(), InFlight: e.InFlight()})
	}
	return views
}

func evidenceOf(v analysis.Verdict) evidenceView {
	return evidenceView{
		Standing: v.Standing.String(), M: finite(v.Evidence), Bound: finite(v.Bound),
		Metric: v.Metric, Threshold: v.Threshold, Since: v.Since.UTC(),
		Canary: countsView(v.Canary), Stable: countsView(v.Stable), Effect: finite(v.Effect), Summary: v.Summary,
	}
}

// promotionOf is nil when nothing is asked of the version.
func promotionOf(p analysis.Promotion, asked bool) *promotionView {
	if !asked {
		return nil
	}
	return &promotionView{
		Ready: p.Ready, M: finite(p.Evidence), Bound: finite(p.Bound), Metric: p.Metric, Threshold: p.Threshold,
		Requests: p.Requests, Missing: p.Missing, Summary: p.Summary,
	}
}

func versionNames(svc *router.Service) []string {
	names := make([]string, len(svc.Versions))
	for i, v := range svc.Versions {
		names[i] = v.Name
	}
	return names
}

// summary is the audit's form of weights and states: "stable=v1 v1=90 v2=10:drain".
func summary(svc *router.Service, w config.Weights) string {
	var b strings.Builder
	fmt.Fprintf(&b, "stable=%s", w.Stable)
	for _, v := range svc.Versions {
		fmt.Fprintf(&b, " %s=%v", v.Name, percent(w.BP[v.Name]))
		if state := w.States[v.Name]; state != config.Active {
			fmt.Fprintf(&b, ":%s", state.String())
		}
	}
	return b.String()
}

// milliseconds keeps microseconds.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// finite keeps a number within what JSON can say.
func finite(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return max(-math.MaxFloat64, min(math.MaxFloat64, f))
}

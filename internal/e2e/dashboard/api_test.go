package dashboard

import (
	"net/http"
	"time"
)

// service is what the API tells of one.
type service struct {
	Name     string
	Stable   string
	ETag     string
	Versions []version
}

type version struct {
	Name      string
	Weight    float64
	Share     float64
	State     string
	Requests  uint64
	Errors    uint64
	Endpoints []struct{ URL string }
}

type decision struct {
	ID      string
	Time    time.Time
	Action  string
	Summary string
}

type rolloutStatus struct {
	ID      string
	Phase   string
	Reason  string
	Gate    string
	Waiting string `json:"waiting_for"`
	Weight  float64
	Stages  []struct{ Name, State string }
}

func (s service) version(name string) version {
	for _, v := range s.Versions {
		if v.Name == name {
			return v
		}
	}
	return version{}
}

func (p *process) get(path string, out any) {
	p.t.Helper()
	if code := p.api("GET", "/api/v1"+path, nil, out); code != http.StatusOK {
		p.t.Fatalf("GET %s: status %d", path, code)
	}
}

func (p *process) service(name string) (s service) {
	p.t.Helper()
	p.get("/services/"+name, &s)
	return s
}

func (p *process) decisions(name string) []decision {
	p.t.Helper()
	var all struct{ Decisions []decision }
	p.get("/services/"+name+"/decisions", &all)
	return all.Decisions
}

func (p *process) rolloutOf(name string) (st rolloutStatus) {
	p.t.Helper()
	p.get("/services/"+name+"/rollout", &st)
	return st
}

// weigh sets the weights of v1 and v2 by the API.
func (p *process) weigh(name string, v1, v2 float64) {
	p.t.Helper()
	body := map[string]any{"weights": map[string]float64{"v1": v1, "v2": v2}}
	if code := p.api("PUT", "/api/v1/services/"+name+"/weights", body, nil); code != http.StatusOK {
		p.t.Fatalf("weights of %s: status %d", name, code)
	}
}

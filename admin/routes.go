package admin

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"sluice/config"
)

// route is one thing the API does. openapi.json describes exactly these.
type route struct {
	method, path string
	role         config.Role             // weakest that may; "" lets everybody
	open         func(config.Admin) bool // nil: never; true: no role is needed
	change       bool                    // audited
	serve        func(*call) error
}

func (s *Server) routes() []route {
	const services = "/api/v1/services"
	view, operate, admin := config.RoleViewer, config.RoleOperator, config.RoleAdmin
	return []route{
		{method: "GET", path: "/api/v1", role: view, serve: s.getIndex},
		{method: "GET", path: services, role: view, serve: s.getServices},
		{method: "GET", path: services + "/{service}", role: view, serve: s.getService},
		{method: "PUT", path: services + "/{service}/weights", role: operate, change: true, serve: s.putWeights},
		{method: "PUT", path: services + "/{service}/versions/{version}/state", role: operate, change: true, serve: s.putState},
		{method: "GET", path: services + "/{service}/decisions", role: view, serve: s.getDecisions},
		{method: "GET", path: services + "/{service}/rollout", role: view, serve: s.getRollout},
		{method: "POST", path: services + "/{service}/rollout", role: operate, change: true, serve: s.postRollout},
		{method: "GET", path: services + "/{service}/rollout/history", role: view, serve: s.getHistory},
		{method: "GET", path: services + "/{service}/comparison", role: view, serve: s.getComparison},
		{method: "GET", path: services + "/{service}/series", role: view, serve: s.getSeries},
		{method: "GET", path: services + "/{service}/latency", role: view, serve: s.getLatency},
		{method: "GET", path: services + "/{service}/scaling", role: view, serve: s.getScaling},
		{method: "GET", path: services + "/{service}/assignment", role: view, serve: s.getAssignment},
		{method: "GET", path: services + "/{service}/faults", role: view, serve: s.getFaults},
		{method: "POST", path: services + "/{service}/faults", role: operate, change: true, serve: s.postFault},
		{method: "DELETE", path: services + "/{service}/faults", role: operate, change: true, serve: s.deleteFaults},
		{method: "GET", path: "/api/v1/series", role: view, serve: s.getFleetSeries},
		{method: "GET", path: "/api/v1/kpis", role: view, serve: s.getKPIs},
		{method: "GET", path: "/api/v1/events", role: view, serve: s.getEvents},
		{method: "GET", path: "/api/v1/config", role: view, serve: s.getConfig},
		{method: "POST", path: "/api/v1/config/validate", role: view, serve: s.validateConfig},
		{method: "GET", path: "/session", serve: s.getSession},
		{method: "POST", path: "/session", change: true, serve: s.postSession},
		{method: "DELETE", path: "/session", change: true, serve: s.deleteSession},
		{method: "GET", path: linksPath + "{token}", serve: s.getLink},
		{method: "POST", path: linksPath + "{token}", change: true, serve: s.postLink},
		{method: "GET", path: "/openapi.json", role: view, serve: s.getOpenAPI},
		{method: "GET", path: "/metrics", role: view, open: publicMetrics, serve: s.getMetrics},
		{method: "GET", path: "/livez", serve: s.livez},
		{method: "GET", path: "/readyz", serve: s.readyz},
		{method: "GET", path: "/healthz", serve: s.livez},
		{method: "GET", path: "/debug/pprof/{$}", role: admin, serve: s.getProfile},
		{method: "GET", path: "/debug/pprof/{profile}", role: admin, serve: s.getProfile},
	}
}

func publicMetrics(a config.Admin) bool { return a.PublicMetrics }

// mux registers the routes, and for each path an answer to all other methods.
func (s *Server) mux() http.Handler {
	mux := http.NewServeMux()
	allow := map[string][]string{}
	for _, rt := range slices.Concat(s.routes(), s.pageRoutes()) {
		mux.Handle(rt.method+" "+rt.path, s.guard(rt))
		allow[rt.path] = append(allow[rt.path], rt.method)
		if rt.method == http.MethodGet {
			allow[rt.path] = append(allow[rt.path], http.MethodHead)
		}
	}
	for path, methods := range maps.All(allow) {
		list := strings.Join(methods, ", ")
		mux.Handle(path, s.guard(route{change: slices.Contains(methods, "PUT"), serve: func(c *call) error {
			return kindMethod.problem("got %s, want %s", printable(c.r.Method), list).with("Allow", list)
		}}))
	}
	mux.Handle("/", s.guard(route{serve: func(c *call) error {
		return kindNotFound.problem("nothing is at %s; /api/v1 lists what there is", printable(c.r.URL.Path))
	}}))
	return mux
}

// guard lets a request through to its route, or answers why not.
func (s *Server) guard(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := s.newCall(w, r)
		if rt.change {
			defer s.record(c)
		}
		defer c.recovered()
		err := s.admit(c, rt)
		if err == nil {
			err = rt.serve(c)
		}
		if err != nil {
			c.refuse(err)
		}
	})
}

func (s *Server) admit(c *call, rt route) error {
	admin := s.o.Config().Admin
	if err := checkHost(c.r, admin); err != nil {
		return err
	}
	if err := s.checkSite(c.r, admin); err != nil {
		return err
	}
	if rt.role == "" || rt.open != nil && rt.open(admin) {
		return nil
	}
	return s.authorise(c, admin, rt.role)
}

// getIndex lists the resources, for whoever explores with curl.
func (s *Server) getIndex(c *call) error {
	type resource struct {
		Method string      `json:"method"`
		Path   string      `json:"path"`
		Role   config.Role `json:"role,omitempty"`
	}
	index := struct {
		Name      string     `json:"name"`
		Version   string     `json:"version"`
		Resources []resource `json:"resources"`
	}{Name: "sluice", Version: s.o.BuildVersion}
	for _, rt := range s.routes() {
		index.Resources = append(index.Resources, resource{rt.method, documented(rt.path), rt.role})
	}
	return c.json(index)
}

// documented is a path as OpenAPI writes it.
func documented(path string) string { return strings.TrimSuffix(path, "{$}") }

package admin

import (
	_ "embed"
	"net/http"

	"sluice/config"
)

// getConfig shows the configuration in force with every default filled in and
// every secret masked.
func (s *Server) getConfig(c *call) error {
	cfg := s.o.Config()
	return c.json(struct {
		Path    string   `json:"path"`
		Version string   `json:"config_version"`
		Notes   []string `json:"notes,omitempty"` // parts that are parsed but not alive in this release
		Config  any      `json:"config"`
	}{cfg.Path, cfg.Version, cfg.Inactive(), masked(cfg.Effective())})
}

// fault is one fault of a configuration sent for validation.
type fault struct {
	Line    int    `json:"line"` // from 1
	Col     int    `json:"col"`  // from 1, in characters
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// validateConfig checks the YAML (or JSON) in the body, whatever media type it
// is sent as. Nothing of it is expanded, read or kept: no ${…} is looked up on
// a caller's behalf.
func (s *Server) validateConfig(c *call) error {
	data, err := c.body(maxYAML)
	if err != nil {
		return err
	}
	faults := config.Check("body", data)
	if len(faults) == 0 {
		return c.json(map[string]bool{"valid": true})
	}
	first := faults[0]
	p := kindInvalid.problem("the first fault: line %d: %s", first.Line, first.Message)
	for _, f := range faults {
		p.Faults = append(p.Faults, fault{f.Line, f.Col, f.Path, f.Message})
	}
	return p
}

//go:embed openapi.json
var openAPI []byte

// getOpenAPI gives the description of this API. A test holds it to the routes.
func (s *Server) getOpenAPI(c *call) error {
	c.w.Header().Set("Content-Type", "application/json")
	c.write(http.StatusOK, openAPI)
	return nil
}

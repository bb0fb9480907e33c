package admin

import "net/http"

// assignmentView says which version a user gets.
type assignmentView struct {
	Service string `json:"service"`
	Key     string `json:"key"`
	Version string `json:"version"`
	Why     string `json:"why"` // sticky, rule or fallback
}

// maxKey bounds ?key=; bytes.
const maxKey = 1024

// getAssignment says which version ?key=, a sticky key as the client has it,
// gets now, without sending a request.
func (s *Server) getAssignment(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	key := c.r.URL.Query().Get("key")
	if key == "" || len(key) > maxKey {
		return kindBadRequest.problem("key: got %d bytes, want 1 to %d: the value of the sticky cookie, header or parameter, or the address", len(key), maxKey)
	}
	version, why := svc.Assign(key)
	if version == "" {
		return kindInvalid.problem("key %s: %s", printable(key), why)
	}
	return c.send(http.StatusOK, "application/json", assignmentView{Service: svc.Name, Key: key, Version: version, Why: why})
}

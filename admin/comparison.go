package admin

import "sluice/config"

// getComparison shows how the answers of a service's mirrored copies differ from
// stable's. Examples hold what was sent to users, so viewers get none.
func (s *Server) getComparison(c *call) error {
	svc, err := s.service(c)
	if err != nil {
		return err
	}
	if s.o.Comparison == nil {
		return kindNotFound.problem("service %s compares no answers", svc.Name)
	}
	report, ok := s.o.Comparison(svc.Name)
	if !ok {
		return kindNotFound.problem("service %s compares no answers: it has no mirror with compare: true", svc.Name)
	}
	if rank(c.who.role) < rank(config.RoleOperator) {
		for i := range report.Fields {
			report.Fields[i].Examples = nil
		}
	}
	return c.json(report)
}

package admin

import "sluice/config"

// declaredIndex finds services of one configuration by name.
type declaredIndex struct {
	of     *config.Config
	byName map[string]*config.Service
}

// declared is what the file in force says of a service; nil if nothing. A list of all
// services asks for each, so the names are looked up once for a configuration.
func (s *Server) declared(service string) *config.Service {
	cfg := s.o.Config()
	x := s.index.Load()
	if x == nil || x.of != cfg {
		x = &declaredIndex{of: cfg, byName: make(map[string]*config.Service, len(cfg.Services))}
		for i := range cfg.Services {
			x.byName[cfg.Services[i].Name] = &cfg.Services[i]
		}
		s.index.Store(x)
	}
	return x.byName[service]
}

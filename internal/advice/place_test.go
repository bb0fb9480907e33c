package advice

import "testing"

// The scores are worked out by hand from the matrix: single_server, cluster,
// private_cloud, public_cloud, hybrid_cloud, dbaas.
func TestPlaces(t *testing.T) {
	tests := []struct {
		name   string
		in     Requirements
		best   string
		scores [6]int
	}{
		// Compliance with nothing: 3 for all. Basic expertise: 2 for single_server and dbaas.
		{"nothing said", Requirements{}, "single_server", [6]int{5, 3, 3, 3, 3, 5}},
		// Budget: 3 for single_server alone, as dbaas costs "$-$$".
		{"low budget", Requirements{Budget: Low}, "single_server", [6]int{8, 3, 3, 3, 3, 5}},
		{"high budget counts for nothing", Requirements{Budget: High, Expertise: Advanced}, "single_server", [6]int{5, 5, 5, 5, 5, 5}},
		// HIPAA: not public_cloud (on condition), not dbaas. Expertise 2 for all but those that need advanced.
		{"a clinic", Requirements{Compliance: []string{"GDPR", "hipaa"}, Expertise: Intermediate, Sovereignty: true}, "single_server", [6]int{8, 6, 8, 2, 3, 2}},
		{"local law", Requirements{Compliance: []string{"Local regulations"}, Expertise: Advanced, Sovereignty: true, Growth: Medium}, "single_server", [6]int{8, 8, 5, 2, 2, 2}},
		// Growth: 2 for public_cloud, hybrid_cloud and dbaas.
		{"a start-up", Requirements{Budget: Medium, Compliance: []string{"GDPR"}, Expertise: Intermediate, Growth: High}, "public_cloud", [6]int{5, 3, 5, 7, 5, 7}},
		{"growth under HIPAA", Requirements{Compliance: []string{"HIPAA"}, Expertise: Advanced, Growth: High}, "hybrid_cloud", [6]int{5, 5, 5, 4, 7, 4}},
		{"unknown rules", Requirements{Compliance: []string{"FedRAMP"}, Expertise: Intermediate, Growth: High}, "public_cloud", [6]int{2, 0, 2, 4, 2, 4}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Places(test.in)
			for i, name := range []string{"single_server", "cluster", "private_cloud", "public_cloud", "hybrid_cloud", "dbaas"} {
				s := find(t, got, name)
				if s.Points != test.scores[i] {
					t.Errorf("%s: got %d for %+v, want %d", name, s.Points, s.Reasons, test.scores[i])
				}
				addsUp(t, s)
			}
			if got[0].Name != test.best {
				t.Errorf("got %s first, want %s", got[0].Name, test.best)
			}
			if last := got[len(got)-1]; last.Name != "dbaas" || last.Excluded == "" {
				t.Errorf("got %s last, want dbaas, with the reason why it is none", last.Name)
			}
		})
	}
}

// An advanced team can do what a basic one can: the words do not sort so.
func TestExpertiseIsOrdered(t *testing.T) {
	for _, e := range []Expertise{Basic, Intermediate, Advanced} {
		if s := find(t, Places(Requirements{Expertise: e}), "single_server"); s.Points != 5 {
			t.Errorf("expertise %d: a single server scores %d, want 5", e, s.Points)
		}
	}
}

// What holds on a condition is said, and not counted.
func TestConditionalCompliance(t *testing.T) {
	s := find(t, Places(Requirements{Compliance: []string{"HIPAA"}}), "public_cloud")
	if s.Points != 0 || len(s.Reasons) != 1 || s.Reasons[0].Text != "HIPAA needs an agreement with the provider, so it is not counted." {
		t.Errorf("got %+v", s)
	}
}

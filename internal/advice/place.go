package advice

import (
	"slices"
	"strings"
)

// Requirements are the answers that a place to host is chosen by. The zero value asks for nothing.
type Requirements struct {
	Budget      Level
	Compliance  []string // GDPR, HIPAA, "Local regulations"; upper and lower case are alike
	Expertise   Expertise
	Growth      Level
	Sovereignty bool // data must stay where its owner has full control
}

// Place is somewhere to run the proxy and what it stands in front of.
type Place struct {
	Name, Title string
	Cost        string // $, $$, $$$ or a range of them
	Scalability string // Limited, Moderate, Unlimited
	Control     string // Full, Partial, Minimal
	Compliance  []string
	OnCondition []string // compliance that needs an agreement with the provider: not counted, but said
	Expertise   Expertise
	Setup       string // Hours, Days, Weeks
	Upkeep      string // Low, Medium, High
	excluded    string
}

// Locations are the places that are scored, the simplest first; this is also the order of equal scores.
func Locations() []Place {
	local := []string{"GDPR", "HIPAA", "Local regulations"}
	return []Place{
		{Name: "single_server", Title: "single server on premise", Cost: "$", Scalability: "Limited", Control: "Full",
			Compliance: local, Expertise: Basic, Setup: "Hours", Upkeep: "High"},
		{Name: "cluster", Title: "cluster on premise", Cost: "$$", Scalability: "Moderate", Control: "Full",
			Compliance: local, Expertise: Advanced, Setup: "Weeks", Upkeep: "High"},
		{Name: "private_cloud", Title: "private cloud", Cost: "$$", Scalability: "Moderate", Control: "Full",
			Compliance: []string{"GDPR", "HIPAA"}, Expertise: Intermediate, Setup: "Days", Upkeep: "Medium"},
		{Name: "public_cloud", Title: "public cloud", Cost: "$$-$$$", Scalability: "Unlimited", Control: "Partial",
			Compliance: []string{"GDPR"}, OnCondition: []string{"HIPAA"}, Expertise: Intermediate, Setup: "Hours", Upkeep: "Low"},
		{Name: "hybrid_cloud", Title: "hybrid cloud", Cost: "$$$", Scalability: "Unlimited", Control: "Partial",
			Compliance: []string{"GDPR", "HIPAA"}, Expertise: Advanced, Setup: "Weeks", Upkeep: "Medium"},
		{Name: "dbaas", Title: "database as a service", Cost: "$-$$", Scalability: "Unlimited", Control: "Minimal",
			Compliance: []string{"GDPR"}, Expertise: Basic, Setup: "Minutes", Upkeep: "Low",
			excluded: "it hosts databases; a proxy and what it stands in front of need one of the other places."},
	}
}

// Places scores every place to host, best first. The points are those of the
// decision matrix that sluice was asked for by: 3 for a low budget that it suits, 3 for compliance, 2 for
// a team that can run it, 2 for room to grow, 3 for full control. Equal scores stand in the order of Locations.
func Places(r Requirements) []Score {
	var all []Score
	for _, p := range Locations() {
		all = append(all, p.score(r))
	}
	return ranked(all)
}

func (p *Place) score(r Requirements) Score {
	s := Score{Name: p.Name, Title: p.Title, Excluded: p.excluded}
	s.add(r.Budget == Low && p.Cost == "$", 3, "it suits a low budget.")
	s.add(p.complies(r.Compliance), 3, complianceText(r.Compliance))
	if conditional := p.conditional(r.Compliance); conditional != "" {
		s.add(true, 0, conditional+" needs an agreement with the provider, so it is not counted.")
	}
	s.add(r.Expertise >= p.Expertise, 2, "the team can run it.")
	s.add(r.Growth == High && p.Scalability == "Unlimited", 2, "it grows as far as needed.")
	s.add(r.Sovereignty && p.Control == "Full", 3, "the data stays under full control.")
	return s
}

// complies reports whether p supports all of wanted without further agreements.
func (p *Place) complies(wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !holds(p.Compliance, w) })
}

// conditional names what of wanted p supports on a condition.
func (p *Place) conditional(wanted []string) string {
	var all []string
	for _, c := range p.OnCondition {
		if holds(wanted, c) {
			all = append(all, c)
		}
	}
	return strings.Join(all, ", ")
}

func holds(all []string, one string) bool {
	return slices.ContainsFunc(all, func(s string) bool { return strings.EqualFold(s, one) })
}

func complianceText(wanted []string) string {
	if len(wanted) == 0 {
		return "no compliance rule stands against it."
	}
	return "it supports " + strings.Join(wanted, ", ") + "."
}

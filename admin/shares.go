package admin

import (
	"cmp"
	"slices"

	"sluice/config"
	"sluice/router"
)

// sharesUnder is what each version of svc would get under w, 0..1 by index. It
// follows the router's order for the split in force, Service.Shares: the share
// of a version that may not be used goes to stable, else to the best that may.
func sharesUnder(svc *router.Service, w config.Weights) []float64 {
	usable := func(i int) bool {
		return w.States[svc.Versions[i].Name] == config.Active && svc.Pools[i].Usable()
	}
	standIn := standInUnder(svc, w, usable)
	bp := make([]int, len(svc.Versions))
	for i, v := range svc.Versions {
		to := i
		if !usable(i) {
			to = standIn
		}
		bp[to] += w.BP[v.Name]
	}
	shares := make([]float64, len(bp))
	for i := range bp {
		shares[i] = float64(bp[i]) / 10000
	}
	return shares
}

func standInUnder(svc *router.Service, w config.Weights, usable func(int) bool) int {
	names := versionNames(svc)
	stable := max(0, slices.Index(names, w.Stable))
	if usable(stable) {
		return stable
	}
	ranked := make([]int, len(names))
	for i := range ranked {
		ranked[i] = i
	}
	slices.SortStableFunc(ranked, func(a, b int) int { return cmp.Compare(w.BP[names[b]], w.BP[names[a]]) })
	if i := slices.IndexFunc(ranked, usable); i >= 0 {
		return ranked[i]
	}
	return stable
}

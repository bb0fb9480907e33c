package router

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"sluice/config"
)

// fullBP is the whole: weights are hundredths of a percent.
const fullBP = 10000

// Split is the living share of a service's versions: a pointer of its own, so
// that a cut or a shift touches one service and waits for no reload. It is read
// without locks and changed through Live.
type Split struct {
	now       atomic.Pointer[division]
	candidate atomic.Pointer[string] // what previews show; nil: what the file says
	standby   atomic.Pointer[string] // who takes over when stable is cut; nil: nobody, and it never is
}

// Weights is the split in force, for display; States is nil. The caller may keep and change it.
func (s *Split) Weights() config.Weights {
	w := s.now.Load().as
	w.BP = maps.Clone(w.BP)
	return w
}

// division is one value of a split. Immutable.
type division struct {
	as     config.Weights // by name; States is nil
	stable int            // index of the stable version
	bp     []int          // by version index; sums to fullBP
	ranked []int          // version indexes, highest weight first, then in file order
}

// divide checks w against the versions' names. Versions that w leaves out get nothing.
func divide(names []string, w config.Weights) (*division, error) {
	d := &division{as: w, stable: slices.Index(names, w.Stable), bp: make([]int, len(names)), ranked: make([]int, len(names))}
	if d.stable < 0 {
		return nil, fmt.Errorf("stable is %q, which is not among the versions", w.Stable)
	}
	d.as.States = nil
	d.as.BP = make(map[string]int, len(names))
	sum := 0
	for i, name := range names {
		bp := w.BP[name]
		if bp < 0 || bp > fullBP {
			return nil, fmt.Errorf("weight of %s: got %d, want 0 to %d hundredths of a percent", name, bp, fullBP)
		}
		d.bp[i], d.as.BP[name], d.ranked[i] = bp, bp, i
		sum += bp
	}
	for name, bp := range w.BP {
		if bp != 0 && !slices.Contains(names, name) {
			return nil, fmt.Errorf("weight of %q, which is not among the versions", name)
		}
	}
	if sum != fullBP {
		return nil, fmt.Errorf("weights sum to %d hundredths of a percent, want %d", sum, fullBP)
	}
	slices.SortStableFunc(d.ranked, func(a, b int) int { return cmp.Compare(d.bp[b], d.bp[a]) })
	return d, nil
}

// draw chooses by weight alone. rnd is uniform over 64 bits: the high half of
// the product is uniform over the 10000 steps to within 10000/2^64.
func (d *division) draw(rnd uint64) int {
	at := int(scale(rnd, fullBP))
	for i, bp := range d.bp {
		if at < bp {
			return i
		}
		at -= bp
	}
	return d.stable // unreachable: the weights sum to fullBP
}

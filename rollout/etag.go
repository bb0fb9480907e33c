package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluice/config"

	"github.com/cespare/xxhash/v2"
)

// etag is a hash of weights, stable and states, in quotes as HTTP has it.
func etag(w config.Weights) string {
	h := xxhash.New()
	fmt.Fprintf(h, "%q\n", w.Stable)
	for _, name := range names(w.BP) {
		fmt.Fprintf(h, "%q %d %d\n", name, w.BP[name], w.States[name])
	}
	return fmt.Sprintf("%q", fmt.Sprintf("%016x", h.Sum64()))
}

// matches compares an If-Match value (RFC 9110 13.1.1) with the present tag: a
// list, "*", or nothing. Quotes may be missing. A weak tag matches nothing, as
// the comparison is strong.
func matches(ifMatch, tag string) bool {
	ifMatch = strings.TrimSpace(ifMatch)
	if ifMatch == "" || ifMatch == "*" {
		return true
	}
	for one := range strings.SplitSeq(ifMatch, ",") {
		if strings.Trim(strings.TrimSpace(one), `"`) == strings.Trim(tag, `"`) {
			return true
		}
	}
	return false
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

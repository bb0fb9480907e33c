package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Weights is a service's live share and roles, as the file, the API, a rollout
// or the guard set them. The zero value carries nothing.
type Weights struct {
	Stable string
	BP     map[string]int // version → hundredths of a percent; sums to 10000
	States map[string]State
	By     string // file | api:<token> | guard | rollout
	Reason string
	At     time.Time
}

// State is a version's state; see the contract. The zero value is Active.
type State uint8

// States. Tripped comes back by itself, Quarantined only by an operator or a
// new rollout.
const (
	Active State = iota
	Draining
	Off
	Tripped
	Quarantined
)

// String is the state's name in the API and in metrics.
func (s State) String() string {
	switch s {
	case Active:
		return "active"
	case Draining:
		return "drain"
	case Off:
		return "off"
	case Tripped:
		return "tripped"
	case Quarantined:
		return "quarantined"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// ParseState reads what String prints.
func ParseState(text string) (State, error) {
	for s := Active; s <= Quarantined; s++ {
		if s.String() == text {
			return s, nil
		}
	}
	return Active, fmt.Errorf("got %s, want active, drain, off, tripped or quarantined", quote(text))
}

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) {
	if s > Quarantined {
		return nil, fmt.Errorf("no such state: %d", uint8(s))
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads the state's name.
func (s *State) UnmarshalText(text []byte) error {
	parsed, err := ParseState(string(text))
	if err == nil {
		*s = parsed
	}
	return err
}

// WeightsHash identifies what the file declares of who gets how much: the
// names and weights of all versions, and which is stable. The order of versions does not
// count. It is kept in state files, so it must not change between releases.
func (s *Service) WeightsHash() string {
	versions := slices.Clone(s.Versions)
	slices.SortFunc(versions, func(a, b Version) int { return cmp.Compare(a.Name, b.Name) })
	var b strings.Builder
	fmt.Fprintf(&b, "stable=%q\n", s.Stable)
	for _, v := range versions {
		fmt.Fprintf(&b, "%q=%d\n", v.Name, v.WeightBP)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}

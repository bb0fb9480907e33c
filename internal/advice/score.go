package advice

import (
	"cmp"
	"slices"
)

// Reason is one thing that speaks for or against an option.
type Reason struct {
	Points int    `json:"points"` // for it, or, below zero, against it
	Text   string `json:"text"`   // a sentence
}

// Score is one option with what speaks for and against it.
type Score struct {
	Name     string   `json:"name"`  // as the configuration or deploy/ names it
	Title    string   `json:"title"` // as people name it
	Points   int      `json:"points"`
	Reasons  []Reason `json:"reasons"`
	Excluded string   `json:"excluded,omitempty"` // why it is never recommended; "": it may be
}

func (s *Score) add(when bool, points int, text string) {
	if !when {
		return
	}
	s.Points += points
	s.Reasons = append(s.Reasons, Reason{points, text})
}

// ranked puts the best first. Of equal scores the one that stood first wins, and
// what is excluded comes last.
func ranked(all []Score) []Score {
	slices.SortStableFunc(all, func(a, b Score) int {
		if (a.Excluded == "") != (b.Excluded == "") {
			if a.Excluded == "" {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Points, a.Points)
	})
	return all
}

// Level is an amount. The zero value is not known, and counts for nothing.
type Level int

// Levels, least first.
const (
	Unknown Level = iota
	Low
	Medium
	High
)

// Expertise is what a team has done before. The zero value counts as Basic.
type Expertise int

// Expertise, least first: a team with more can do all that one with less can.
const (
	Basic Expertise = iota
	Intermediate
	Advanced
)

package proxy

import (
	"testing"

	"sluice/analysis"
	"sluice/router"
)

func TestDecide(t *testing.T) {
	all := &router.RetryOn{ConnectError: true, Reset: true, Timeout: true, Statuses: []int{502, 503}}
	none := &router.RetryOn{}
	tests := []struct {
		name string
		in   attempt
		want step
	}{
		{"success", attempt{number: 1, outcome: analysis.Success, status: 200, attempts: 3, on: all, replayable: true, mayRetry: true}, deliver},
		{"404 is an answer", attempt{number: 1, outcome: analysis.ClientError, status: 404, attempts: 3, on: all, replayable: true, mayRetry: true, mayShield: true}, deliver},
		{"500 not listed", attempt{number: 1, outcome: analysis.ServerError, status: 500, attempts: 3, on: all, replayable: true, mayRetry: true}, deliver},
		{"503 listed", attempt{number: 1, outcome: analysis.ServerError, status: 503, attempts: 3, on: all, replayable: true, mayRetry: true}, retrySame},
		{"503 listed, body gone", attempt{number: 1, outcome: analysis.ServerError, status: 503, attempts: 3, on: all, mayRetry: true}, deliver},
		{"503 listed, attempts used up", attempt{number: 3, outcome: analysis.ServerError, status: 503, attempts: 3, on: all, replayable: true, mayRetry: true}, deliver},
		{"503 listed, budget spent", attempt{number: 1, outcome: analysis.ServerError, status: 503, attempts: 3, on: all, replayable: true}, deliver},
		{"500 shielded", attempt{number: 1, outcome: analysis.ServerError, status: 500, attempts: 1, on: none, replayable: true, mayShield: true}, shield},
		{"500 shielded but not replayable", attempt{number: 1, outcome: analysis.ServerError, status: 500, attempts: 1, on: none, mayShield: true}, deliver},
		{"retry before shield", attempt{number: 1, outcome: analysis.Reset, attempts: 2, on: all, replayable: true, mayRetry: true, mayShield: true}, retrySame},
		{"shield after retry", attempt{number: 2, outcome: analysis.Reset, attempts: 2, on: all, replayable: true, mayRetry: true, mayShield: true}, shield},
		{"timeout shielded", attempt{number: 1, outcome: analysis.Timeout, attempts: 1, on: none, replayable: true, mayShield: true}, shield},
		{"bad response shielded", attempt{number: 1, outcome: analysis.BadResponse, attempts: 1, on: none, replayable: true, mayShield: true}, shield},
		{"connect error of a POST", attempt{number: 1, outcome: analysis.ConnectError, attempts: 2, on: all, unsent: true, mayRetry: true}, retrySame},
		{"connect error, not listed", attempt{number: 1, outcome: analysis.ConnectError, attempts: 2, on: none, unsent: true, mayRetry: true}, giveUp},
		{"reset of a POST", attempt{number: 1, outcome: analysis.Reset, attempts: 2, on: all, mayRetry: true}, giveUp},
		{"timeout of a POST", attempt{number: 1, outcome: analysis.Timeout, attempts: 2, on: all, mayRetry: true}, giveUp},
		{"stale connection, GET", attempt{number: 1, outcome: analysis.Reset, attempts: 1, on: none, replayable: true, stale: true}, retryFresh},
		{"stale connection, POST sent", attempt{number: 1, outcome: analysis.Reset, attempts: 1, on: none, stale: true}, giveUp},
		{"stale connection, POST not sent", attempt{number: 1, outcome: analysis.Reset, attempts: 1, on: none, stale: true, unsent: true}, retryFresh},
		{"over limit", attempt{number: 1, outcome: analysis.LocalRefusal, attempts: 3, on: all, replayable: true, unsent: true, mayRetry: true}, giveUp},
		{"over limit, shielded", attempt{number: 1, outcome: analysis.LocalRefusal, attempts: 1, on: none, replayable: true, unsent: true, mayShield: true}, shield},
		{"client gone", attempt{number: 1, outcome: analysis.ClientGone, attempts: 3, on: all, replayable: true, mayRetry: true, mayShield: true}, giveUp},
		{"answer begun", attempt{number: 1, outcome: analysis.Reset, attempts: 3, on: all, replayable: true, mayRetry: true, mayShield: true, begun: true}, giveUp},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := decide(&tt.in); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestBudgetFree(t *testing.T) {
	tests := []struct {
		name             string
		active, retrying int64
		want             bool
	}{
		{"three at least", 1, 2, true},
		{"not four", 1, 3, false},
		{"a share of many", 100, 19, true},
		{"no more than the share", 100, 20, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v router.Version
			v.Active.Store(tt.active)
			v.Retrying.Store(tt.retrying)
			if got := budgetFree(&v, 0.2); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

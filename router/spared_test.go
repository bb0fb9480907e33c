package router

import (
	"testing"

	"sluice/analysis"
)

func TestSparedAreFailuresThatSomebodyElseAnswered(t *testing.T) {
	v := newVersion("shop", "v2")
	v.Shielded.Add(3)
	v.Retries[analysis.Success].Add(2)
	v.Retries[analysis.ClientError].Add(1)
	v.Retries[analysis.ServerError].Add(40) // these failed as well
	v.Retries[analysis.ClientGone].Add(50)  // nobody was there to see
	v.Retries[analysis.Success].Add(4)
	v.PreviewsSaved.Add(4) // testers are no users
	if got := v.Spared(); got != 6 {
		t.Errorf("got %d, want 6", got)
	}
}

package config

import (
	"os"
	"testing"
)

// The reference file is a contract: it must stay valid, with and without expansion.
func TestReference(t *testing.T) {
	data, err := os.ReadFile("testdata/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse("reference.yaml", data, ParseOptions{Expand: true})
	if err != nil {
		t.Fatalf("not valid:\n%v", err)
	}
	if faults := Check("reference.yaml", data); faults != nil {
		t.Fatalf("not valid without expansion:\n%v", faults)
	}
	if len(c.Services) != 1 || len(c.Services[0].Rollout.SmokeTests) != 2 {
		t.Fatalf("got %+v", c.Services)
	}
}

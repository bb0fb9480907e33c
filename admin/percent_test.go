package admin

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
)

func TestParsePercent(t *testing.T) {
	tests := []struct {
		in, wantErr string
		want        percent
	}{
		{in: "0"},
		{in: "10", want: 1000},
		{in: "0.01", want: 1},
		{in: "33.33", want: 3333},
		{in: "0.29", want: 29}, // 0.29*100 is 28.999… in floats
		{in: "10.5", want: 1050},
		{in: "10.500", want: 1050},
		{in: "100", want: 10000},
		{in: "100.00", want: 10000},
		{in: "100.01", wantErr: "from 0 to 100"},
		{in: "101", wantErr: "from 0 to 100"},
		{in: "-1", wantErr: "from 0 to 100"},
		{in: "-0", wantErr: "from 0 to 100"},
		{in: "1e1", wantErr: "from 0 to 100"},
		{in: "0.30000000000000004", wantErr: "two decimals"},
		{in: "99999999999999999999", wantErr: "from 0 to 100"},
		{in: `"10"`, wantErr: "from 0 to 100"},
		{in: "null", wantErr: "from 0 to 100"},
		{in: "1.2.3", wantErr: "from 0 to 100"},
		{in: "", wantErr: "from 0 to 100"},
	}
	for _, tt := range tests {
		got, err := parsePercent(tt.in)
		if tt.wantErr == "" && (err != nil || got != tt.want) {
			t.Errorf("%q: got %v, %v, want %v", tt.in, got, err, tt.want)
		}
		if tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)) {
			t.Errorf("%q: got %v, want an error with %q", tt.in, err, tt.wantErr)
		}
	}
}

// Every value there is survives JSON exactly.
func TestPercentRoundTrip(t *testing.T) {
	for p := percent(0); p <= 10000; p++ {
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parsePercent(string(data)); err != nil || got != p {
			t.Fatalf("%d: wrote %s, read %d, %v", p, data, got, err)
		}
	}
}

func FuzzParsePercent(f *testing.F) {
	for _, seed := range []string{"0", "99.99", "1.", ".5", "07", "1e2", "1_0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parsePercent(text)
		if err != nil {
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok || exact.Cmp(big.NewRat(int64(got), 100)) != 0 {
			t.Fatalf("%q read as %v", text, got)
		}
	})
}

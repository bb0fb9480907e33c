package bench

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestProcessCPU(t *testing.T) {
	if runtime.GOOS != "linux" {
		if _, err := ProcessCPU(os.Getpid()); err == nil {
			t.Error("a figure without /proc")
		}
		return
	}
	before, err := ProcessCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		now, err := ProcessCPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now >= before+5*clockTick {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("CPU time still %v after 30s of work", now)
		}
	}
	if _, err := ProcessCPU(-1); err == nil {
		t.Error("a process -1")
	}
}

func TestCPUOfStat(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 20 0 1 0"
	tests := []struct {
		name, in string
		want     time.Duration
		ok       bool
	}{
		{"plain", "12 (sluice)" + rest, 3 * time.Second, true},
		{"name with brackets", "12 (a) R 1 (b c)" + rest, 3 * time.Second, true},
		{"short", "12 (sluice) S 1 2", 0, false},
		{"empty", "", 0, false},
		{"no number", "12 (x) S 1 2 3 4 5 6 7 8 9 10 a b", 0, false},
	}
	for _, tt := range tests {
		got, err := cpuOfStat(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%s: got %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}

package rollout

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

const saverEnv = "SLUICE_TEST_SAVE_IN" // makes the test binary a process that saves for ever

// becomeSaver saves a growing state in a loop, in a process that is killed.
func becomeSaver() bool {
	dir := os.Getenv(saverEnv)
	if dir == "" {
		return false
	}
	st, err := openStore(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for n := 1; ; n++ {
		state := savedState{Schema: schema, SavedAt: time.Now(), Services: map[string]savedService{}}
		for i := range 50 {
			state.Services[fmt.Sprint(i)] = savedService{Stable: "v1", Weights: map[string]int{"v1": n, "v2": 10000 - n}}
		}
		if err := st.write(stateFile, state); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if n == 1 {
			fmt.Println("saving")
		}
	}
}

func TestKilledSaverLeavesAReadableFile(t *testing.T) {
	dir := t.TempDir()
	for round := range 50 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), saverEnv+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatalf("round %d: the saver said nothing: %v", round, err)
		}
		// Wherever in its loop it is after a while that differs from round to round.
		<-time.After(time.Duration(round*131) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		st, err := openStore(dir) // the lock died with it
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		var state savedState
		if found, err := st.read(stateFile, &state); err != nil || !found || len(state.Services) != 50 {
			t.Fatalf("round %d: found %v, %d services, %v", round, found, len(state.Services), err)
		}
		for _, s := range state.Services {
			if s.Weights["v1"]+s.Weights["v2"] != 10000 || s.Weights["v1"] != state.Services["0"].Weights["v1"] {
				t.Fatalf("round %d: half of two states: %v", round, s.Weights)
			}
		}
		st.free()
	}
}

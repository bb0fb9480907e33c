package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sluice/config"
)

// Undone tells, a sentence for each service by its name, what the file does, or would do at a change of its unit of weights
// and stable, to a version that became stable since: by the state that a process keeps in dir, which is only read. A
// directory without state is no error.
func Undone(dir string, cfg *config.Config) (map[string]string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var state savedState
	if err == nil {
		err = json.Unmarshal(raw, &state)
	}
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	told := map[string]string{}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if saved, known := state.Services[s.Name]; known {
			if why := undoes(s, saved.Stable, saved.Declared); why != "" {
				told[s.Name] = why
			}
		}
	}
	return told, nil
}

// undoes says what the file means to stable, which took the place of the file's since hash was in force; "": nothing.
func undoes(s *config.Service, stable, hash string) string {
	v := versionOf(s, stable)
	if stable == s.Stable || v == nil {
		return ""
	}
	keep := fmt.Sprintf("to keep %s, write stable: %s, its weight 100 and that of the others 0, and another version as the rollout's canary", stable, stable)
	if hash != s.WeightsHash() {
		return fmt.Sprintf("the file's weights or versions changed, which makes %s stable in place of %s, with the weights of the file; %s", s.Stable, stable, keep)
	}
	return fmt.Sprintf("%s is stable now, and %s in the file: adding, removing or weighing a version there would make %s stable again, with the weights of the file; %s",
		stable, s.Stable, s.Stable, keep)
}

package preflight

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// configuration compares what is in force with the file.
func (s *Subject) configuration(context.Context) []Finding {
	const name = "configuration"
	if s.OnDisk == nil {
		return ok(name, Critical, "version %s is in force and valid", s.Config.Version)
	}
	file, err := s.OnDisk()
	switch {
	case err != nil:
		return not(name, Critical, "the file has faults, version %s stays in force: %s", s.Config.Version, firstLine(err))
	case file.Version != s.Config.Version:
		return not(name, Warning, "the file is version %s, and version %s is in force: it has not been reloaded", file.Version, s.Config.Version)
	}
	return ok(name, Critical, "version %s is in force, and what the file says", s.Config.Version)
}

func firstLine(err error) string {
	first, rest, more := strings.Cut(err.Error(), "\n")
	if more {
		return fmt.Sprintf("%s (and %d more)", first, strings.Count(rest, "\n")+1)
	}
	return first
}

// secrets looks whether the files that hold secrets and certificates are still there. That no token is a placeholder, and every
// ${…} had a value, was checked when the configuration was loaded.
func (s *Subject) secrets(ctx context.Context) []Finding {
	const name = "secrets"
	files := s.Config.Files()
	var bad []string
	for _, path := range files {
		if ctx.Err() != nil {
			break
		}
		if err := readable(path); err != nil {
			bad = append(bad, err.Error())
		}
	}
	if len(bad) > 0 {
		return not(name, Critical, "a restart would fail: %s", some(bad))
	}
	return ok(name, Critical, "no placeholders, and all %d files that the configuration names can be read", len(files))
}

func readable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// plausible is before any release of this program; what a machine without a battery or a time server begins with is not.
var plausible = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const skew = 5 * time.Minute // that is nobody's fault

// clock looks for signs that the clock is wrong: windows, approvals, certificates and the history rely on it.
func (s *Subject) clock(context.Context) []Finding {
	const name = "clock"
	now := s.Now()
	if now.Before(plausible) {
		return not(name, Warning, "the clock says %s, which can't be", now.UTC().Format(time.RFC3339))
	}
	for _, path := range []string{s.Config.Path, s.Config.State.Dir} {
		info, err := os.Stat(path)
		if path != "" && err == nil && info.ModTime().Sub(now) > skew {
			return not(name, Warning, "the clock says %s, and %s was changed at %s: it was set back",
				now.UTC().Format(time.RFC3339), path, info.ModTime().UTC().Format(time.RFC3339))
		}
	}
	if committed, err := s.committed(); err != nil {
		return not(name, Warning, "label committed_at of %s: %v: the lead time stays unknown", s.Canary, err)
	} else if committed.Sub(now) > skew {
		return not(name, Warning, "label committed_at of %s is %s, and the clock says %s: the lead time stays unknown",
			s.Canary, committed.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return ok(name, Warning, "%s is plausible", now.UTC().Format(time.RFC3339))
}

// committed is zero if nobody says when.
func (s *Subject) committed() (time.Time, error) {
	for _, v := range s.Service.Versions {
		if text := v.Labels["committed_at"]; v.Name == s.Canary && text != "" {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				err = errors.New("want a time such as 2026-11-20T10:00:00Z")
			}
			return at, err
		}
	}
	return time.Time{}, nil
}

// some is a list for a message, cut short.
func some(all []string) string {
	if len(all) <= namedAtMost {
		return strings.Join(all, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(all[:namedAtMost], "; "), len(all)-namedAtMost)
}

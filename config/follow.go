package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// follower keeps watches on the directories that lead to the files.
type follower struct {
	watch  *fsnotify.Watcher // nil: none to be had
	events <-chan fsnotify.Event
	errors <-chan error
	dirs   map[string]bool
}

func newFollower(watch *fsnotify.Watcher) *follower {
	f := &follower{watch: watch, dirs: map[string]bool{}}
	if watch != nil {
		f.events, f.errors = watch.Events, watch.Errors
	}
	return f
}

func (f *follower) follow(paths []string, logger *slog.Logger) {
	if f.watch == nil {
		return
	}
	wanted := map[string]bool{}
	for _, p := range paths {
		for _, dir := range leading(p) {
			wanted[dir] = true
		}
	}
	for dir := range f.dirs {
		if !wanted[dir] {
			_ = f.watch.Remove(dir) // gone already, most likely
			delete(f.dirs, dir)
		}
	}
	for dir := range wanted {
		// Adding again what is watched costs nothing, and renews the watch of a
		// directory that was removed and made anew.
		if err := f.watch.Add(dir); err != nil && !f.dirs[dir] {
			logger.Warn("directory not watched, looking at it now and then instead", "path", dir, "error", err)
		}
		f.dirs[dir] = true
	}
}

// leading are the directories in which a change can make path mean another
// file: its own, that of each symbolic link on the way, and, for a part that is
// missing, the nearest directory there is.
func leading(path string) []string {
	var dirs []string
	at, rest := "/", strings.Split(strings.TrimPrefix(filepath.Clean(path), "/"), "/")
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		info, err := os.Lstat(next)
		if err != nil {
			return append(dirs, at)
		}
		if info.Mode()&os.ModeSymlink == 0 {
			if len(rest) == 1 {
				return append(dirs, at)
			}
			at, rest = next, rest[1:]
			continue
		}
		dirs = append(dirs, at)
		target, err := os.Readlink(next)
		if links++; err != nil || links > 40 {
			return dirs
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(at, target)
		}
		at, rest = "/", append(strings.Split(strings.TrimPrefix(filepath.Clean(target), "/"), "/"), rest[1:]...)
	}
	return dirs
}

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sluice/deploy"
)

// startFrom are the directories of deploy/ for a place.
func startFrom(place string) []string {
	switch place {
	case "single_server":
		return []string{"single-server"}
	case "public_cloud":
		return []string{"ecs"}
	case "hybrid_cloud":
		return []string{"hybrid", "kubernetes"}
	}
	return []string{"kubernetes", "keda", "hpa"} // cluster, private_cloud
}

type file struct{ path, text string }

// deploymentFiles are all files of directories in deploy/, as they would stand in dir; "": none.
func deploymentFiles(directories []string, dir string) (all []file, err error) {
	if dir == "" {
		return nil, nil
	}
	for _, d := range directories {
		err := fs.WalkDir(deploy.Files, d, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			text, err := deploy.Files.ReadFile(name)
			all = append(all, file{filepath.Join(dir, filepath.FromSlash(name)), string(text)})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("deployment files: %w", err)
		}
	}
	return all, nil
}

func (f file) write() error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(f.path, []byte(f.text), 0o644)
}

package admin

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const mostPage = 100_000 // bytes compressed, of all that the page loads

// The page that is embedded is the one that the sources make: `make ui` builds it anew.
func TestPageIsBuiltFromItsSources(t *testing.T) {
	const root = "ui"
	files := []string{"index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts"}
	for _, dir := range []string{"public", "scripts", "src"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				rel, _ := filepath.Rel(root, path) // it is below root
				files = append(files, filepath.ToSlash(rel))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(files)
	sum := sha256.New()
	for _, name := range files {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(sum, "%s\x00%d\x00", name, len(data))
		sum.Write(data)
	}
	sealed, err := os.ReadFile(filepath.Join(root, "dist", "sources.sha256"))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != strings.TrimSpace(string(sealed)) {
		t.Errorf("the sources in admin/ui are %s, what is built is of %s: run make ui (Node 20 or newer) and commit admin/ui/dist", got, sealed)
	}
}

// counter counts what is written.
type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func TestPageIsSmall(t *testing.T) {
	dist, err := fs.Sub(built, "ui/dist")
	if err != nil {
		t.Fatal(err)
	}
	files, err := pageFiles(dist)
	if err != nil {
		t.Fatal(err)
	}
	all := counter(0)
	for name, file := range files {
		z, err := gzip.NewWriterLevel(&all, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write(file.data); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(file.data), "https://") && strings.HasSuffix(name, ".html") {
			t.Errorf("%s names another host", name)
		}
	}
	t.Logf("%d bytes compressed", all)
	if all < 10_000 || all >= mostPage {
		t.Errorf("the page takes %d bytes compressed, want at least 10,000 (is it there at all?) and less than %d", all, mostPage)
	}
}

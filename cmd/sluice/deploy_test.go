package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/config"
	"sluice/deploy"

	"github.com/goccy/go-yaml"
)

// deployed calls f with every deployment file.
func deployed(t *testing.T, f func(name, text string)) {
	t.Helper()
	err := fs.WalkDir(deploy.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := deploy.Files.ReadFile(name)
		f(name, string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// yamlDocuments are all documents of a YAML file.
func yamlDocuments(t *testing.T, name, text string) (all []map[string]any) {
	t.Helper()
	dec := yaml.NewDecoder(strings.NewReader(text))
	for {
		var doc map[string]any
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if doc != nil {
			all = append(all, doc)
		}
	}
}

// held checks a configuration that a deployment brings along: valid, alive, and its secrets from files.
func held(t *testing.T, name, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse(name, []byte(text), config.ParseOptions{Expand: true,
		Lookup:   func(string) (string, bool) { return "", false },
		ReadFile: func(path string) ([]byte, error) { return []byte("a-long-random-value-of" + path), nil }})
	if err != nil {
		t.Fatalf("%s:\n%v", name, err)
	}
	if notes := append(cfg.Inactive(), warnings(cfg)...); len(notes) > 0 {
		t.Errorf("%s: %v", name, notes)
	}
	return cfg
}

func TestDeploymentFilesAreWhole(t *testing.T) {
	configurations, files := 0, 0
	deployed(t, func(name, text string) {
		files++
		switch {
		case path.Ext(name) == ".json":
			if !json.Valid([]byte(text)) {
				t.Errorf("%s is no JSON", name)
			}
		case path.Ext(name) == ".yaml" && strings.Contains(text, "\nlisteners:"):
			configurations++
			held(t, name, text)
		case path.Ext(name) == ".yaml":
			for _, doc := range yamlDocuments(t, name, text) {
				data, _ := doc["data"].(map[string]any)
				if inner, ok := data["sluice.yaml"].(string); ok {
					configurations++
					held(t, name+": sluice.yaml", inner)
				}
			}
		}
	})
	if configurations != 6 || files < 12 {
		t.Errorf("found %d configurations in %d files, want 6 in 12 or more", configurations, files)
	}
}

// What Kubernetes runs is bound to what the same file declares, without rights, and has time to drain.
func TestKubernetesObjects(t *testing.T) {
	for _, name := range []string{"kubernetes/edge.yaml", "kubernetes/sidecar.yaml"} {
		data, err := deploy.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		declared := map[string]bool{}
		docs := yamlDocuments(t, name, string(data))
		for _, doc := range docs {
			if doc["apiVersion"] == nil || doc["kind"] == nil {
				t.Errorf("%s: an object without apiVersion or kind: %v", name, doc)
			}
			declared[doc["kind"].(string)+"/"+get[string](doc, "metadata", "name")] = true
		}
		for _, doc := range docs {
			if doc["kind"] == "Deployment" {
				pod := get[map[string]any](doc, "spec", "template", "spec")
				safePod(t, name, pod, declared)
			}
		}
	}
}

func safePod(t *testing.T, name string, pod map[string]any, declared map[string]bool) {
	t.Helper()
	volumes := map[string]bool{}
	for _, v := range get[[]any](pod, "volumes") {
		volume := v.(map[string]any)
		volumes[volume["name"].(string)] = true
		for kind, at := range map[string][]string{"ConfigMap": {"configMap", "name"}, "PersistentVolumeClaim": {"persistentVolumeClaim", "claimName"}} {
			if ref := get[string](volume, at...); ref != "" && !declared[kind+"/"+ref] {
				t.Errorf("%s: %s %s is not declared", name, kind, ref)
			}
		}
	}
	if !get[bool](pod, "securityContext", "runAsNonRoot") {
		t.Errorf("%s: the pod may run as root", name)
	}
	for _, c := range slices.Concat(get[[]any](pod, "initContainers"), get[[]any](pod, "containers")) {
		container := c.(map[string]any)
		if !get[bool](container, "securityContext", "readOnlyRootFilesystem") {
			t.Errorf("%s: %v has a root file system that can be written", name, container["name"])
		}
		for _, m := range get[[]any](container, "volumeMounts") {
			if volume := get[string](m.(map[string]any), "name"); !volumes[volume] {
				t.Errorf("%s: %v mounts %s, which is no volume", name, container["name"], volume)
			}
		}
	}
}

// get reads a value below tree, or the zero value.
func get[T any](tree map[string]any, names ...string) (zero T) {
	var at any = tree
	for _, n := range names {
		m, ok := at.(map[string]any)
		if !ok {
			return zero
		}
		at = m[n]
	}
	v, ok := at.(T)
	if !ok {
		return zero
	}
	return v
}

// The time to stop that a platform grants covers what sluice takes to drain.
func TestTimeToStop(t *testing.T) {
	drain := held(t, "defaults", "services: [{name: s, versions: [{name: v, endpoints: ['http://a']}]}]").Drain
	least := int((drain.Delay + drain.Timeout).Seconds())
	form := regexp.MustCompile(`(?:stop_grace_period: |TimeoutStopSec=|terminationGracePeriodSeconds: |"stopTimeout": )(\d+)`)
	found := 0
	deployed(t, func(name, text string) {
		for _, m := range form.FindAllStringSubmatch(text, -1) {
			found++
			if seconds, err := strconv.Atoi(m[1]); err != nil || seconds <= least {
				t.Errorf("%s: %s s to stop, sluice takes up to %d", name, m[1], least)
			}
		}
	})
	if found < 5 {
		t.Errorf("only %d places say how long stopping may take", found)
	}
}

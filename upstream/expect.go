package upstream

import (
	"fmt"
	"reflect"
)

// contains checks that got, decoded JSON, holds all of want, as it was written
// in a configuration: objects may have further members, arrays must agree
// element by element, numbers are compared by value (1 equals 1.0).
func contains(path string, want, got any) error {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return mismatch(path, want, got)
		}
		for name, value := range w {
			member, ok := g[name]
			if !ok {
				return fmt.Errorf("json %s is missing", join(path, name))
			}
			if err := contains(join(path, name), value, member); err != nil {
				return err
			}
		}
		return nil
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return mismatch(path, want, got)
		}
		for i := range w {
			if err := contains(fmt.Sprintf("%s[%d]", path, i), w[i], g[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if !same(want, got) {
		return mismatch(path, want, got)
	}
	return nil
}

// same compares scalars. JSON knows one kind of number, float64 when decoded.
func same(want, got any) bool {
	switch w := reflect.ValueOf(want); w.Kind() {
	case reflect.Invalid:
		return got == nil
	case reflect.Bool:
		return got == w.Bool()
	case reflect.String:
		return got == w.String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return got == float64(w.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return got == float64(w.Uint())
	case reflect.Float32, reflect.Float64:
		return got == w.Float()
	}
	return false
}

func mismatch(path string, want, got any) error {
	return fmt.Errorf("json %s: got %.100s, want %.100s", path, fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want))
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// kind is how one type of value is read from a node, shown in the effective
// configuration, and described in the JSON Schema. Everything that the file
// may hold is a kind, so that the three cannot drift apart.
type kind[T any] struct {
	read   func(d *decoder, n *node, path string, dst *T)
	show   func(v T) any // nil: leave out
	schema schema
}

// schema is one JSON Schema (draft 2020-12).
type schema map[string]any

// key is one key of a mapping that is decoded into a T.
type key[T any] struct {
	name, doc string
	required  bool
	read      func(d *decoder, n *node, path string, dst *T)
	show      func(v *T) any
	schema    schema
	hidden    bool // another spelling of a key, not shown
}

// has makes the key that is kept in the field that in points to.
func has[T, V any](name, doc string, k kind[V], in func(*T) *V) key[T] {
	return key[T]{
		name: name, doc: doc, schema: k.schema,
		read: func(d *decoder, n *node, path string, dst *T) { k.read(d, n, path, in(dst)) },
		show: func(v *T) any { return k.show(*in(v)) },
	}
}

// needs is has for a key that must be there.
func needs[T, V any](name, doc string, k kind[V], in func(*T) *V) key[T] {
	made := has(name, doc, k, in)
	made.required = true
	return made
}

// mapping is a table of keys; base holds the defaults.
func mapping[T any](base T, keys ...key[T]) kind[T] {
	return kind[T]{
		read: func(d *decoder, n *node, path string, dst *T) {
			if n.kind != mapNode {
				d.wrong(n, path, "a mapping with "+names(keys))
				return
			}
			*dst = base
			readKeys(d, n, path, dst, keys)
		},
		show:   func(v T) any { return showKeys(v, keys) },
		schema: mappingSchema(base, keys),
	}
}

func readKeys[T any](d *decoder, n *node, path string, dst *T, keys []key[T]) {
	for _, e := range n.entries {
		i := slices.IndexFunc(keys, func(k key[T]) bool { return k.name == e.key })
		at := child(path, e.key)
		if i < 0 {
			if path == "" && strings.HasPrefix(e.key, "x-") {
				continue // a home for anchors
			}
			d.faultAt(e.line, e.col, at, "unknown key"+hint(e.key, keyNames(keys)))
			continue
		}
		d.note(e.value, at)
		keys[i].read(d, e.value, at, dst)
	}
	for _, k := range keys {
		if k.required && n.field(k.name) == nil {
			d.faultAt(n.line, n.col, child(path, k.name), "missing")
		}
	}
}

// hint is what an unknown key may have been meant for, or "".
func hint(key string, known []string) string {
	if say := foreignKey(key); say != "" {
		return "; " + say
	}
	return didYouMean(key, known)
}

func showKeys[T any](v T, keys []key[T]) map[string]any {
	shown := map[string]any{}
	for _, k := range keys {
		if k.hidden {
			continue
		}
		if s := k.show(&v); s != nil {
			shown[k.name] = s
		}
	}
	return shown
}

func mappingSchema[T any](base T, keys []key[T]) schema {
	properties, required := map[string]any{}, []string{}
	for _, k := range keys {
		s := maps.Clone(k.schema)
		s["description"] = k.doc
		if shown := k.show(&base); shown != nil && isScalar(shown) && !k.required {
			s["default"] = shown
		}
		properties[k.name] = s
		if k.required {
			required = append(required, k.name)
		}
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func isScalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

func keyNames[T any](keys []key[T]) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.name
	}
	return all
}

func names[T any](keys []key[T]) string {
	all := keyNames(keys)
	if len(all) > 4 {
		return strings.Join(all[:3], ", ") + " and so on"
	}
	return strings.Join(all, ", ")
}

// list reads a sequence of at least least values.
func list[T any](k kind[T], least int) kind[[]T] {
	s := schema{"type": "array", "items": k.schema}
	if least > 0 {
		s["minItems"] = least
	}
	return kind[[]T]{
		read: func(d *decoder, n *node, path string, dst *[]T) {
			if n.kind != listNode {
				d.wrong(n, path, "a list")
				return
			}
			if len(n.items) < least {
				d.faultAt(n.line, n.col, path, fmt.Sprintf("the list is empty, want at least %d", least))
			}
			*dst = make([]T, len(n.items))
			for i, item := range n.items {
				at := element(path, i)
				d.note(item, at)
				k.read(d, item, at, &(*dst)[i])
			}
		},
		show:   func(v []T) any { return showList(k, v) },
		schema: s,
	}
}

func showList[T any](k kind[T], v []T) any {
	if len(v) == 0 {
		return nil
	}
	shown := make([]any, len(v))
	for i, item := range v {
		shown[i] = k.show(item)
	}
	return shown
}

// oneOrMore is list, where a single value may stand without its list.
func oneOrMore[T any](k kind[T]) kind[[]T] {
	many := list(k, 1)
	return kind[[]T]{
		read: func(d *decoder, n *node, path string, dst *[]T) {
			if n.kind == listNode {
				many.read(d, n, path, dst)
				return
			}
			*dst = make([]T, 1)
			k.read(d, n, path, &(*dst)[0])
		},
		show:   many.show,
		schema: schema{"anyOf": []any{k.schema, many.schema}},
	}
}

// dict reads a mapping with free keys. name brings a key into its one form, or
// refuses it.
func dict[T any](k kind[T], name func(string) (string, error)) kind[map[string]T] {
	return kind[map[string]T]{
		read: func(d *decoder, n *node, path string, dst *map[string]T) {
			if n.kind != mapNode {
				d.wrong(n, path, "a mapping")
				return
			}
			*dst = make(map[string]T, len(n.entries))
			for _, e := range n.entries {
				at := child(path, e.key)
				final, err := name(e.key)
				if err == nil {
					if _, dup := (*dst)[final]; dup {
						err = fmt.Errorf("%s stands here twice", final)
					}
				}
				if err != nil {
					d.faultAt(e.line, e.col, at, err.Error())
					continue
				}
				var v T
				d.note(e.value, at)
				k.read(d, e.value, at, &v)
				(*dst)[final] = v
			}
		},
		show: func(v map[string]T) any {
			if v == nil {
				return nil
			}
			shown := make(map[string]any, len(v))
			for name, item := range v {
				shown[name] = k.show(item)
			}
			return shown
		},
		schema: schema{"type": "object", "additionalProperties": k.schema},
	}
}

// optional is k behind a pointer; nil where the key is missing.
func optional[T any](k kind[T]) kind[*T] {
	return kind[*T]{
		read: func(d *decoder, n *node, path string, dst **T) {
			v := new(T)
			k.read(d, n, path, v)
			*dst = v
		},
		show: func(v *T) any {
			if v == nil {
				return nil
			}
			return k.show(*v)
		},
		schema: k.schema,
	}
}

// atRun is k, read with ${name} left for the run.
func atRun[T any](k kind[T]) kind[T] {
	read := k.read
	k.read = func(d *decoder, n *node, path string, dst *T) {
		before := d.runtime
		d.runtime = true
		read(d, n, path, dst)
		d.runtime = before
	}
	return k
}

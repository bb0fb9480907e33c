package config

// node is one YAML value, free of the parsing library. Aliases are resolved to
// the node that they name, so a tree may share nodes; nothing modifies them.
type node struct {
	kind    nodeKind
	line    int
	col     int
	text    string // of a scalar, as written without its quotes, before expansion
	plain   bool   // a scalar without quotes, which may stand for null, a number or a boolean
	items   []*node
	entries []entry
}

type nodeKind uint8

const (
	scalarNode nodeKind = iota
	nullNode
	listNode
	mapNode
)

// entry is one key of a mapping and its value. merged came by a merge key (<<).
type entry struct {
	key       string
	line, col int
	value     *node
	merged    bool
}

// describe names what stands there, for messages.
func (n *node) describe() string {
	switch n.kind {
	case nullNode:
		return "nothing"
	case listNode:
		return "a list"
	case mapNode:
		return "a mapping"
	default:
		return quote(n.text)
	}
}

// field returns the value of key in a mapping, or nil.
func (n *node) field(key string) *node {
	for _, e := range n.entries {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

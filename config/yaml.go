package config

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// This is the only file that knows the YAML library: it turns text into nodes.

const (
	maxFileBytes = 16 << 20 // room for more than 10,000 services
	maxDepth     = 64       // of flow collections; the library recurses, and keeps a path per level
	maxIndent    = 256      // columns before a block's first character
	maxCompact   = 16       // "- - - x": blocks opened on one line
	maxKeys      = 5_000    // of one block mapping; the library copies them all for each
	maxNodes     = 200_000  // values after aliases are followed, against alias bombs
)

// parseYAML reads one document. A syntax error gives one fault; duplicate
// keys and bad aliases give all of theirs. The node is nil for an empty file.
func parseYAML(file string, data []byte) (root *node, faults Faults) {
	r := &yamlReader{file: file, anchors: map[string]*node{}, sizes: map[*node]int{}}
	if len(data) > maxFileBytes {
		r.fault(1, 1, fmt.Sprintf("the file has %d bytes, the limit is %d", len(data), maxFileBytes))
		return nil, r.faults
	}
	if !utf8.Valid(data) {
		r.fault(1, 1, "the file is not valid UTF-8")
		return nil, r.faults
	}
	// The library panics on some malformed input; that must not take a proxy down.
	defer func() {
		if p := recover(); p != nil {
			root, faults = nil, Faults{{File: file, Line: 1, Col: 1, Message: "the file is not YAML that can be read"}}
		}
	}()
	root = r.document(data)
	return root, r.faults
}

type yamlReader struct {
	file    string
	faults  Faults
	anchors map[string]*node
	sizes   map[*node]int // values below a node with aliases followed
}

func (r *yamlReader) fault(line, col int, message string) {
	r.faults = append(r.faults, Fault{File: r.file, Line: max(line, 1), Col: max(col, 1), Message: message})
}

func (r *yamlReader) document(data []byte) *node {
	tokens := lexer.Tokenize(string(data))
	if !r.shallow(tokens) {
		return nil
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	var root *node
	for _, doc := range f.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			line, col := at(doc.Body)
			r.fault(line, col, "a second document starts here, want one")
			break
		}
		root = r.node(doc.Body)
	}
	return root
}

// shallow refuses what the library would recurse on without bound, or take
// quadratic time for: deep nesting, and a block mapping of very many keys.
func (r *yamlReader) shallow(tokens token.Tokens) bool {
	s := shape{keys: map[int]int{}}
	for _, t := range tokens {
		if t.Type == token.InvalidType {
			r.fault(t.Position.Line, t.Position.Column, lowerFirst(t.Error))
			return false
		}
		if trouble := s.add(t); trouble != "" {
			r.fault(t.Position.Line, t.Position.Column, trouble)
			return false
		}
	}
	return true
}

// shape follows the nesting of a document token by token.
type shape struct {
	flow, line, compact int
	keys                map[int]int // by column: keys of the block mapping that is open there
}

func (s *shape) add(t *token.Token) (trouble string) {
	line, col := t.Position.Line, t.Position.Column
	if line != s.line && t.Type != token.CommentType {
		s.line, s.compact = line, 0
		if s.flow == 0 && col > maxIndent {
			return "nested too deeply"
		}
		if s.flow == 0 {
			maps.DeleteFunc(s.keys, func(at, _ int) bool { return at > col })
		}
	}
	switch t.Type {
	case token.MappingStartType, token.SequenceStartType:
		s.flow++
	case token.MappingEndType, token.SequenceEndType:
		s.flow--
	case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
		s.compact++
	case token.MappingValueType:
		if s.flow == 0 && t.Prev != nil {
			s.keys[t.Prev.Position.Column]++
			if s.keys[t.Prev.Position.Column] > maxKeys {
				return fmt.Sprintf("more than %d keys in one mapping", maxKeys)
			}
		}
	}
	if s.flow > maxDepth || s.flow == 0 && s.compact > maxCompact {
		return "nested too deeply"
	}
	return ""
}

func (r *yamlReader) syntax(err error) {
	var positioned yaml.Error
	if errors.As(err, &positioned) && positioned.GetToken() != nil {
		p := positioned.GetToken().Position
		r.fault(p.Line, p.Column, lowerFirst(positioned.GetMessage()))
		return
	}
	r.fault(1, 1, "the file is not YAML that can be read")
}

func at(n ast.Node) (line, col int) {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return at(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return at(n.Key)
	}
	p := n.GetToken().Position
	return p.Line, p.Column
}

func (r *yamlReader) node(n ast.Node) *node {
	line, col := at(n)
	out := &node{line: line, col: col}
	switch n := n.(type) {
	case *ast.AnchorNode:
		out = r.node(n.Value)
		r.anchors[n.Name.GetToken().Value] = out
		return out
	case *ast.AliasNode:
		return r.alias(n, line, col)
	case *ast.TagNode:
		return r.tagged(n, line, col)
	case *ast.NullNode:
		out.kind, out.plain = nullNode, true
	case *ast.LiteralNode:
		out.text = n.Value.Value
	case *ast.MappingNode:
		r.mapping(out, n.Values)
	case *ast.MappingValueNode:
		r.mapping(out, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out.kind = listNode
		for _, v := range n.Values {
			out.items = append(out.items, r.node(v))
		}
	default:
		t := n.GetToken()
		out.text = t.Value
		out.plain = t.Type != token.DoubleQuoteType && t.Type != token.SingleQuoteType
	}
	r.measure(out)
	return out
}

func (r *yamlReader) alias(n *ast.AliasNode, line, col int) *node {
	name := n.Value.GetToken().Value
	if target := r.anchors[name]; target != nil {
		return target
	}
	r.fault(line, col, fmt.Sprintf("unknown anchor %s", quote(name)))
	return &node{kind: nullNode, line: line, col: col}
}

// tagged accepts the tags that say what we would take the value for anyway.
func (r *yamlReader) tagged(n *ast.TagNode, line, col int) *node {
	tag := n.Start.Value
	switch tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!map", "!!seq", "!!null":
	default:
		r.fault(line, col, fmt.Sprintf("tag %s is not supported", quote(tag)))
	}
	if n.Value == nil {
		return &node{kind: nullNode, line: line, col: col}
	}
	out := *r.node(n.Value)
	if tag == "!!str" && out.kind == scalarNode {
		out.plain = false
	}
	r.measure(&out)
	return &out
}

func (r *yamlReader) mapping(out *node, values []*ast.MappingValueNode) {
	out.kind = mapNode
	var merges []*node
	seen := map[string]entry{}
	for _, v := range values {
		line, col := at(v.Key)
		if v.Key.IsMergeKey() {
			merges = append(merges, r.node(v.Value))
			continue
		}
		key, ok := keyText(v.Key)
		if !ok {
			r.fault(line, col, "a key must be plain text")
			continue
		}
		e := entry{key: key, line: line, col: col, value: r.node(v.Value)}
		if first, dup := seen[key]; dup {
			r.fault(line, col, fmt.Sprintf("key %s stands here again, first in line %d", quote(key), first.line))
			continue
		}
		seen[key] = e
		out.entries = append(out.entries, e)
	}
	for _, m := range merges {
		r.merge(out, m, seen)
	}
}

// merge adds the keys of m that out does not have (YAML merge key: what stands
// in the mapping itself wins, then the earlier of a list).
func (r *yamlReader) merge(out, m *node, seen map[string]entry) {
	switch m.kind {
	case mapNode:
		for _, e := range m.entries {
			if _, dup := seen[e.key]; !dup {
				e.merged = true
				seen[e.key] = e
				out.entries = append(out.entries, e)
			}
		}
	case listNode:
		for _, item := range m.items {
			if item.kind == listNode {
				r.fault(item.line, item.col, "a merge key takes a mapping or a list of mappings")
				continue
			}
			r.merge(out, item, seen)
		}
	default:
		r.fault(m.line, m.col, "a merge key takes a mapping or a list of mappings")
	}
}

func keyText(k ast.MapKeyNode) (string, bool) {
	switch k := k.(type) {
	case *ast.MappingKeyNode:
		if inner, ok := k.Value.(ast.MapKeyNode); ok {
			return keyText(inner)
		}
		return "", false
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return k.GetToken().Value, true
	default:
		return "", false
	}
}

// measure counts the values below n as if aliases were written out, and gives
// up on a document that would blow up.
func (r *yamlReader) measure(n *node) {
	total := 1
	for _, item := range n.items {
		total += r.sizes[item]
	}
	for _, e := range n.entries {
		total += r.sizes[e.value]
	}
	r.sizes[n] = min(total, maxNodes+1)
	if total > maxNodes {
		if !r.bomb() {
			r.fault(n.line, n.col, fmt.Sprintf("more than %d values, aliases followed", maxNodes))
		}
		n.items, n.entries = nil, nil
	}
}

// bomb reports whether the limit was already reported.
func (r *yamlReader) bomb() bool {
	for _, f := range r.faults {
		if strings.HasPrefix(f.Message, "more than ") {
			return true
		}
	}
	return false
}

func lowerFirst(s string) string {
	if s == "" {
		return "the file is not YAML that can be read"
	}
	s = strings.NewReplacer("\t", `\t`, "\n", `\n`, "\r", `\r`).Replace(s)
	return strings.ToLower(s[:1]) + s[1:]
}

// quote makes s safe to print in one line, and short.
func quote(s string) string {
	if r := []rune(s); len(r) > 80 {
		s = string(r[:77]) + "..."
	}
	return strconv.Quote(s)
}

package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Expression is a threshold that a ratio or a number can't say, such as
// "p99.canary > 1.2 * p99.stable && error_rate.canary > 0.01". It is compiled
// once, immutable, and safe for concurrent use.
type Expression struct {
	program *vm.Program
	reads   []operand
}

// operand is one figure of one side.
type operand struct {
	name   string
	stable bool
}

// Figures are what an expression may name, of one version over a short window.
// NaN stands for what is not known.
type Figures struct {
	Requests           float64 // in the window
	RPS                float64
	ErrorRate          float64 // 0…1
	P50, P90, P95, P99 float64 // of good answers, milliseconds
	CPU, Memory        float64 // reported by the instances; 1 is all of it
}

// figures says which word of an expression stands for which figure.
func figures() map[string]func(*Figures) float64 {
	return map[string]func(*Figures) float64{
		"requests": func(f *Figures) float64 { return f.Requests }, "rps": func(f *Figures) float64 { return f.RPS },
		"error_rate": func(f *Figures) float64 { return f.ErrorRate },
		"p50":        func(f *Figures) float64 { return f.P50 }, "p90": func(f *Figures) float64 { return f.P90 },
		"p95": func(f *Figures) float64 { return f.P95 }, "p99": func(f *Figures) float64 { return f.P99 },
		"cpu": func(f *Figures) float64 { return f.CPU }, "memory": func(f *Figures) float64 { return f.Memory },
	}
}

// expressionName is the key of criteria under which expressions stand.
const expressionName = "expression"

func expressionKey() key[Criteria] {
	const want = `an expression such as "p99.canary > 1.2 * p99.stable && error_rate.canary > 0.01"`
	conditions := oneOrMore(scalar(want, func(s string) (Threshold, error) {
		e, err := compileExpression(s)
		return Threshold{Text: s, Expression: e}, err
	}, func(t Threshold) any { return t.Text }, schema{"type": "string"}))
	return key[Criteria]{
		name: expressionName, doc: "Conditions over several figures: " + want + ".", schema: conditions.schema,
		read: func(d *decoder, n *node, path string, dst *Criteria) {
			var all []Threshold
			conditions.read(d, n, path, &all)
			(*dst)[expressionName] = all
		},
		show: func(c *Criteria) any { return conditions.show((*c)[expressionName]) },
	}
}

const (
	maxExpression      = 1000 // bytes
	maxExpressionNodes = 100
	sideCanary         = "canary"
	sideStable         = "stable"
)

// Names are the figures that e reads, of either side, sorted.
func (e *Expression) Names() []string {
	if e == nil {
		return nil
	}
	var all []string
	for _, o := range e.reads {
		all = append(all, o.name)
	}
	return unique(all)
}

// ReadsStable reports whether e compares with stable.
func (e *Expression) ReadsStable() bool {
	return slices.ContainsFunc(e.reads, func(o operand) bool { return o.stable })
}

// Holds evaluates e. It is not known where a figure that e names is not, or where the
// evaluation fails: never a reason to condemn or to pass a version. It neither
// loops nor panics.
func (e *Expression) Holds(canary, stable Figures) (holds, known bool) {
	env, byName := map[string]any{}, figures()
	for _, o := range e.reads {
		side, word := &canary, sideCanary
		if o.stable {
			side, word = &stable, sideStable
		}
		v := byName[o.name](side)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false, false
		}
		pair, ok := env[o.name].(map[string]float64)
		if !ok {
			pair = map[string]float64{}
			env[o.name] = pair
		}
		pair[word] = v
	}
	return e.run(env)
}

// Explain names the figures that e reads, as they are: "p99.canary 250, p99.stable 200".
func (e *Expression) Explain(canary, stable Figures) string {
	byName := figures()
	parts := make([]string, 0, len(e.reads))
	for _, o := range e.reads {
		side, word := &canary, sideCanary
		if o.stable {
			side, word = &stable, sideStable
		}
		parts = append(parts, fmt.Sprintf("%s.%s %.4g", o.name, word, byName[o.name](side)))
	}
	return strings.Join(parts, ", ")
}

func (e *Expression) run(env map[string]any) (holds, known bool) {
	defer func() {
		if recover() != nil { // a fault of the library: no evidence
			holds, known = false, false
		}
	}()
	out, err := expr.Run(e.program, env)
	if err != nil {
		return false, false
	}
	holds, known = out.(bool)
	return holds, known
}

// expressionError is what is wrong with an expression, and at which of its
// characters, from 0.
type expressionError struct {
	at      int
	message string
}

func (e *expressionError) Error() string {
	return fmt.Sprintf("at its character %d: %s", e.at+1, e.message)
}

// compileExpression checks text by itself before it is compiled: thresholds need
// only sums, products, comparisons and logic. What could divide by zero, loop, call
// or allocate is no part of the language.
func compileExpression(text string) (e *Expression, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, err = nil, errors.New("it cannot be compiled")
		}
	}()
	if len(text) > maxExpression {
		return nil, fmt.Errorf("it is longer than %d bytes", maxExpression)
	}
	tree, err := parser.Parse(text)
	if err != nil {
		return nil, placed(err, strings.Contains(text, "%"))
	}
	r := reader{known: figures()}
	if r.condition(tree.Node); r.err != nil {
		return nil, r.err
	}
	if len(r.reads) == 0 {
		return nil, &expressionError{0, "it names no figure such as p99.canary"}
	}
	env := map[string]any{}
	for name := range r.known {
		env[name] = map[string]float64{}
	}
	program, err := expr.Compile(text, expr.Env(env), expr.AsBool(), expr.DisableAllBuiltins(), expr.MaxNodes(maxExpressionNodes))
	if err != nil {
		return nil, placed(err, false)
	}
	return &Expression{program: program, reads: r.reads}, nil
}

func placed(err error, percent bool) error {
	var at *file.Error
	if !errors.As(err, &at) {
		return err
	}
	message := strings.Join(strings.Fields(at.Message), " ") // on one line
	if percent {
		message += " (1% is written 0.01)"
	}
	return &expressionError{at.From, message}
}

// reader walks an expression, notes what it reads, and refuses what is no
// threshold. It keeps the first fault.
type reader struct {
	known map[string]func(*Figures) float64
	reads []operand
	err   error
}

func (r *reader) refuse(n ast.Node, format string, args ...any) {
	if r.err == nil {
		r.err = &expressionError{n.Location().From, fmt.Sprintf(format, args...)}
	}
}

// condition is a node that must be true or false.
func (r *reader) condition(n ast.Node) {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			r.condition(n.Node)
			return
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "||", "and", "or":
			r.condition(n.Left)
			r.condition(n.Right)
			return
		case "<", ">", "<=", ">=":
			r.number(n.Left)
			r.number(n.Right)
			return
		}
	}
	r.refuse(n, "want a comparison such as p99.canary > 1.2 * p99.stable, or several with && and ||")
}

// number is a node that must be a figure.
func (r *reader) number(n ast.Node) {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return
	case *ast.UnaryNode:
		if n.Operator == "-" || n.Operator == "+" {
			r.number(n.Node)
			return
		}
	case *ast.BinaryNode:
		if n.Operator == "+" || n.Operator == "-" || n.Operator == "*" {
			r.number(n.Left)
			r.number(n.Right)
			return
		}
		if n.Operator == "/" || n.Operator == "%" {
			r.refuse(n, "%s is not possible, as it could be by zero: write a > 2 * b, and 0.01 for 1%%", map[string]string{"/": "division", "%": "a remainder"}[n.Operator])
			return
		}
	case *ast.MemberNode:
		r.figure(n)
		return
	case *ast.IdentifierNode:
		if _, known := r.known[n.Value]; known {
			r.refuse(n, "%s needs a side: %s.canary or %s.stable", n.Value, n.Value, n.Value)
			return
		}
		r.unknown(n)
		return
	}
	r.refuse(n, "want a number or a figure such as p99.canary; sums, differences and products of them")
}

// figure is name.canary or name.stable.
func (r *reader) figure(n *ast.MemberNode) {
	name, plain := n.Node.(*ast.IdentifierNode)
	side, named := n.Property.(*ast.StringNode)
	if !plain || !named || n.Optional {
		r.refuse(n, "want a figure such as p99.canary")
		return
	}
	if _, known := r.known[name.Value]; !known {
		r.unknown(name)
		return
	}
	if side.Value != sideCanary && side.Value != sideStable {
		r.refuse(n.Property, "%s.%s is not known, want %s.canary or %s.stable", name.Value, side.Value, name.Value, name.Value)
		return
	}
	o := operand{name.Value, side.Value == sideStable}
	if !slices.Contains(r.reads, o) {
		r.reads = append(r.reads, o)
	}
}

func (r *reader) unknown(n *ast.IdentifierNode) {
	names := []string{"error_rate", "rps", "requests", "p50", "p90", "p95", "p99", "cpu", "memory"}
	hint := didYouMean(n.Value, names)
	if hint == "" {
		hint = ", want one of " + strings.Join(names, ", ")
	}
	r.refuse(n, "%s is not known%s", n.Value, hint)
}

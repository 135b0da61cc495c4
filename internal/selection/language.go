package selection

import (
	"fmt"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// options are the language: that of expr, typed by the fields, with times that
// know null, and without what is not pure.
func options() []expr.Option {
	all := []expr.Option{
		expr.Env(environment{}), expr.AsBool(), expr.MaxNodes(maxNodes),
		// What is chosen must not depend on when it is asked.
		expr.DisableBuiltin("now"),
		expr.Patch(nulls{}),
	}
	for _, c := range []struct {
		operator, name string
		holds          func(order int) bool
	}{
		{"<", "before", func(order int) bool { return order < 0 }},
		{"<=", "notAfter", func(order int) bool { return order <= 0 }},
		{">", "after", func(order int) bool { return order > 0 }},
		{">=", "notBefore", func(order int) bool { return order >= 0 }},
		{"==", "sameInstant", func(order int) bool { return order == 0 }},
	} {
		all = append(all, expr.Operator(c.operator, c.name), expr.Function(c.name, compare(c.holds), new(func(time.Time, time.Time) bool)))
	}
	return all
}

// compare makes a comparison of two times that does not hold where one is null.
func compare(holds func(order int) bool) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		a, isA := args[0].(time.Time)
		b, isB := args[1].(time.Time)
		if !isA || !isB {
			return false, fmt.Errorf("%v and %v are not both times", args[0], args[1])
		}
		return !a.IsZero() && !b.IsZero() && holds(a.Compare(b)), nil
	}
}

// nulls lets a field be compared with nil, and a time with a text, since that is
// how people write it.
type nulls struct{}

// Visit implements ast.Visitor.
func (nulls) Visit(node *ast.Node) {
	binary, ok := (*node).(*ast.BinaryNode)
	if !ok {
		return
	}
	if binary.Operator == "==" || binary.Operator == "!=" {
		field, isField := binary.Left.(*ast.IdentifierNode)
		other := binary.Right
		if !isField {
			field, isField = binary.Right.(*ast.IdentifierNode)
			other = binary.Left
		}
		if _, isNil := other.(*ast.NilNode); isField && isNil {
			if absent := absence(field); absent != nil {
				if binary.Operator == "!=" {
					absent = &ast.UnaryNode{Operator: "not", Node: absent}
				}
				absent.SetLocation(binary.Location())
				ast.Patch(node, absent)
				return
			}
		}
	}
	dated(binary.Left, &binary.Right)
	dated(binary.Right, &binary.Left)
}

// absence is the expression that says that a field is null; nil where there is no
// such field.
func absence(field *ast.IdentifierNode) ast.Node {
	switch kindOf(field.Value) {
	case kindText:
		return &ast.BinaryNode{Operator: "==", Left: field, Right: &ast.StringNode{Value: ""}}
	case kindList:
		return &ast.BinaryNode{Operator: "==", Left: &ast.BuiltinNode{Name: "len", Arguments: []ast.Node{field}}, Right: &ast.IntegerNode{Value: 0}}
	case kindTime:
		return &ast.CallNode{Callee: &ast.MemberNode{Node: field, Property: &ast.StringNode{Value: "IsZero"}}}
	}
	return nil
}

// dated makes a time of a text that stands beside a field that is one.
func dated(field ast.Node, other *ast.Node) {
	name, isField := field.(*ast.IdentifierNode)
	text, isText := (*other).(*ast.StringNode)
	if !isField || !isText || kindOf(name.Value) != kindTime {
		return
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text.Value); err == nil {
			constant := &ast.ConstantNode{Value: at.UTC()}
			constant.SetLocation(text.Location())
			ast.Patch(other, constant)
			return
		}
	}
}

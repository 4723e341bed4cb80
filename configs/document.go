package configs

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Error is a mistake in a configuration file, with its place.
type Error struct {
	File         string
	Line, Column int // from 1
	Problem      string
}

// Error returns one line: file, line, column, what is wrong and what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Problem)
}

// Document is a parsed file that knows where each of its values stands.
type Document struct {
	name string
	root ast.Node // nil when the file says nothing
}

// Decode reads one YAML mapping into the struct that into points to. Values
// the file does not name stay as they are. It takes less than YAML allows:
// no unknown or repeated key, no key without a value, no conversion between
// text and numbers, no anchors, aliases, tags or second document. Every error
// is an *Error.
func Decode(name string, data []byte, into any) (*Document, error) {
	d := &Document{name: name}
	if len(data) > maxFile {
		return nil, d.at(nil, "larger than %d bytes; is this the right file?", maxFile)
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return nil, d.foreign(err)
	}
	for _, doc := range file.Docs {
		if doc == nil || doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if d.root != nil {
			return nil, d.at(doc.Body, "a second document; keep one file to one document")
		}
		d.root = doc.Body
	}
	if d.root == nil {
		return d, nil
	}
	if err := d.check(d.root, reflect.TypeOf(into).Elem(), "the file"); err != nil {
		return nil, err
	}
	if err := yaml.NodeToValue(d.root, into, yaml.Strict()); err != nil {
		return nil, d.foreign(err)
	}
	return d, nil
}

// Errorf returns an *Error at the value that path leads to, such as
// "devices.0.zone". Where the file does not go that far, it is placed at the
// last value on the way.
func (d *Document) Errorf(path, format string, args ...any) error {
	n := d.root
	for step := range strings.SplitSeq(path, ".") {
		next := child(n, step)
		if next == nil {
			break
		}
		n = next
	}
	return d.at(n, format, args...)
}

// Has reports whether the file itself names a value under path.
func (d *Document) Has(path string) bool {
	n := d.root
	for step := range strings.SplitSeq(path, ".") {
		if n = child(n, step); n == nil {
			return false
		}
	}
	return true
}

func child(n ast.Node, step string) ast.Node {
	switch n := n.(type) {
	case ast.MapNode:
		for it := n.MapRange(); it.Next(); {
			if keyName(it.Key()) == step {
				return it.Value()
			}
		}
	case *ast.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Values) {
			return n.Values[i]
		}
	}
	return nil
}

func keyName(k ast.MapKeyNode) string {
	if s, ok := k.(*ast.StringNode); ok {
		return s.Value
	}
	return k.String()
}

// check holds the tree against the type it is to fill, because the decoder
// would turn 1.5 into 1 and 010 into 8 without a word.
func (d *Document) check(n ast.Node, t reflect.Type, what string) error {
	switch n.(type) {
	case nil, *ast.NullNode:
		return d.at(n, "%s has no value; give one or remove the key", what)
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MappingKeyNode:
		return d.at(n, "%s uses an anchor, an alias, a tag or a complex key; write the value out", what)
	}
	if parse := textual(t); parse != nil {
		s, ok := n.(*ast.StringNode)
		if !ok {
			return d.wrong(n, what, "text")
		}
		if err := parse(s.Value); err != nil {
			return d.at(n, "%s: %v", what, err)
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return d.checkStruct(n, t, what)
	case reflect.Slice:
		s, ok := n.(*ast.SequenceNode)
		if !ok {
			return d.wrong(n, what, "a list")
		}
		for i, v := range s.Values {
			if err := d.check(v, t.Elem(), fmt.Sprintf("%s, item %d,", what, i+1)); err != nil {
				return err
			}
		}
	case reflect.String:
		switch n.(type) {
		case *ast.StringNode, *ast.LiteralNode:
		default:
			return d.wrong(n, what, "text")
		}
	case reflect.Int:
		if _, ok := n.(*ast.IntegerNode); !ok {
			return d.wrong(n, what, "a whole number")
		}
	case reflect.Bool:
		if _, ok := n.(*ast.BoolNode); !ok {
			return d.wrong(n, what, "true or false")
		}
	}
	return nil
}

func (d *Document) checkStruct(n ast.Node, t reflect.Type, what string) error {
	m, ok := n.(ast.MapNode)
	if !ok {
		return d.wrong(n, what, "keys with values")
	}
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && f.Tag.Get("yaml") != "-" {
			fields[f.Tag.Get("yaml")] = f.Type
		}
	}
	for it := m.MapRange(); it.Next(); {
		key := keyName(it.Key())
		ft, ok := fields[key]
		if !ok {
			known := make([]string, 0, len(fields))
			for k := range fields {
				known = append(known, k)
			}
			slices.Sort(known)
			return d.at(it.Key(), "unknown key %q; known here: %s", key, strings.Join(known, ", "))
		}
		v := it.Value()
		if _, null := v.(*ast.NullNode); null || v == nil {
			return d.at(it.Key(), "%s has no value; give one or remove the key", key)
		}
		if err := d.check(v, ft, key); err != nil {
			return err
		}
	}
	return nil
}

// textual returns the parser of a type that is written as text, else nil.
func textual(t reflect.Type) func(string) error {
	if t == reflect.TypeFor[time.Duration]() {
		return func(s string) error {
			if v, err := time.ParseDuration(s); err != nil || v < 0 {
				return fmt.Errorf("%q is no duration; write one such as 1s, 500ms or 10m", s)
			}
			return nil
		}
	}
	if u, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler); ok {
		return func(s string) error { return u.UnmarshalText([]byte(s)) }
	}
	return nil
}

func (d *Document) wrong(n ast.Node, what, want string) error {
	hint := ""
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		if want == "text" {
			hint = "; put it in quotes"
		}
	}
	return d.at(n, "%s must be %s, not %s%s", what, want, kind(n), hint)
}

func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	}
	return "keys with values"
}

func (d *Document) at(n ast.Node, format string, args ...any) error {
	e := &Error{File: d.name, Line: 1, Column: 1, Problem: fmt.Sprintf(format, args...)}
	if m, ok := n.(ast.MapNode); ok {
		// The token of a mapping is a colon or a brace: its first key is
		// where a reader looks.
		if it := m.MapRange(); it.Next() {
			n = it.Key()
		}
	}
	if n != nil {
		e.place(n.GetToken())
	}
	return e
}

func (e *Error) place(t *token.Token) {
	if t != nil && t.Position != nil {
		e.Line, e.Column = max(t.Position.Line, 1), max(t.Position.Column, 1)
	}
}

// foreign turns an error of the YAML library into one line with a place.
func (d *Document) foreign(err error) error {
	e := &Error{File: d.name, Line: 1, Column: 1, Problem: err.Error()}
	var y yaml.Error
	if errors.As(err, &y) {
		e.Problem = y.GetMessage()
		e.place(y.GetToken())
	}
	e.Problem = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, e.Problem)
	return e
}

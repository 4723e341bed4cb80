package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Object is a JSON object of an entry: its values are string, int64 (int is
// taken when encoding), bool, and at the top level Object.
type Object map[string]any

// Str returns the string at key, "" when there is none.
func (o Object) Str(key string) string {
	s, _ := o[key].(string)
	return s
}

// Int returns the integer at key and whether there is one.
func (o Object) Int(key string) (int64, bool) {
	switch n := o[key].(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	}
	return 0, false
}

// Bool returns the boolean at key, false when there is none.
func (o Object) Bool(key string) bool {
	b, _ := o[key].(bool)
	return b
}

// Sub returns the object at key, nil when there is none; a nil Object can be
// asked like any other.
func (o Object) Sub(key string) Object {
	s, _ := o[key].(Object)
	return s
}

// asParsed copies o, with the types that parsing gives and room for so many
// keys more.
func asParsed(o Object, room int) Object {
	out := make(Object, len(o)+room)
	for k, v := range o {
		switch v := v.(type) {
		case int:
			out[k] = int64(v)
		case Object:
			out[k] = asParsed(v, 0)
		default:
			out[k] = v
		}
	}
	return out
}

// appendObject writes o canonically: keys sorted by their UTF-8 bytes, no
// spaces. Objects may nest when top is set.
func appendObject(dst []byte, o Object, top bool) ([]byte, error) {
	keys := make([]string, 0, len(o))
	for k := range o {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendString(dst, k); err != nil {
			return nil, err
		}
		dst = append(dst, ':')
		if dst, err = appendValue(dst, o[k], top); err != nil {
			return nil, fmt.Errorf("%q: %w", k, err)
		}
	}
	return append(dst, '}'), nil
}

func appendValue(dst []byte, v any, top bool) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return appendString(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case Object:
		if !top {
			return nil, fmt.Errorf("%w: objects nest one level deep", ErrMalformed)
		}
		return appendObject(dst, v, false)
	}
	return nil, fmt.Errorf("%w: %T is no value of an entry", ErrMalformed, v)
}

// appendString escapes the quotation mark and the backslash with a backslash
// and what hidden names as \u and four lower-case hex digits; all else stands
// as it is.
func appendString(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%w: %q is not utf-8", ErrMalformed, s)
	}
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case hidden(r):
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"'), nil
}

// hidden reports the characters that change how other text is shown instead
// of being shown: C0 and C1 controls, line and paragraph separator, and the
// bidirectional controls of Unicode (UAX #9, section 2).
func hidden(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f:
		return true
	case r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

// Printable makes JSON text safe to show: control and bidirectional characters
// become \u escapes and invalid UTF-8 becomes \ufffd, white space between
// tokens stays. The value of the text does not change.
func Printable(text []byte) []byte {
	return appendPrintable(make([]byte, 0, len(text)), text)
}

func appendPrintable(out, text []byte) []byte {
	if !slices.ContainsFunc(text, func(c byte) bool { return c < ' ' || c >= 0x7f }) {
		return append(out, text...) // as nearly all that is printed
	}
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			out = append(out, `\ufffd`...)
		case hidden(r) && r != '\n' && r != '\r' && r != '\t':
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, text[:n]...)
		}
		text = text[n:]
	}
	return out
}

// parseObject reads one canonical object that fills raw.
func parseObject(raw []byte) (Object, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	o, err := toObject(m, true)
	if err != nil {
		return nil, err
	}
	again, err := appendObject(make([]byte, 0, len(raw)), o, true)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, raw) {
		return nil, fmt.Errorf("%w: encoding it again gives other bytes", ErrMalformed)
	}
	return o, nil
}

func toObject(m map[string]any, top bool) (Object, error) {
	if m == nil {
		return nil, fmt.Errorf("%w: not an object", ErrMalformed)
	}
	o := make(Object, len(m))
	for k, v := range m {
		switch v := v.(type) {
		case string, bool:
			o[k] = v
		case json.Number:
			n, err := strconv.ParseInt(v.String(), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: %q is no 64-bit integer", ErrMalformed, k)
			}
			o[k] = n
		case map[string]any:
			if !top {
				return nil, fmt.Errorf("%w: %q: objects nest one level deep", ErrMalformed, k)
			}
			sub, err := toObject(v, false)
			if err != nil {
				return nil, err
			}
			o[k] = sub
		default:
			return nil, fmt.Errorf("%w: %q holds a null or an array", ErrMalformed, k)
		}
	}
	return o, nil
}

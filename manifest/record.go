package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/custodock/custodock/clip"
)

// NewRecord encodes v, which must be a JSON object, as a record: one line
// without its newline, printable, and first in it "nonce", 16 random bytes in
// hex, so that no one can guess a record from its digest in the log.
func NewRecord(v any) ([]byte, error) {
	r := record{out: []byte(`{"nonce":"` + NewNonce() + `"`)}
	start := len(r.out)
	enc := json.NewEncoder(&r)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	out := r.out
	if len(out) == start+len("}") {
		return out, nil
	}
	// The values are not decoded: a record can be tens of megabytes long.
	var keys struct {
		Nonce json.RawMessage `json:"nonce"`
	}
	out[start] = '{' // what was encoded, for a moment
	if err := json.Unmarshal(out[start:], &keys); err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	out[start] = ','
	if keys.Nonce != nil {
		return nil, fmt.Errorf("encode record: %w: key \"nonce\" is taken", ErrMalformed)
	}
	return out, nil
}

// record takes what an encoder writes behind a nonce, without another copy of it:
// a record can be tens of megabytes long.
type record struct {
	out   []byte
	begun bool
}

func (r *record) Write(p []byte) (int, error) {
	n := len(p)
	if !r.begun {
		if len(p) < 2 || p[0] != '{' {
			return 0, fmt.Errorf("%w: it is not a json object", ErrMalformed)
		}
		if p = p[1:]; p[0] != '}' {
			r.out = append(r.out, ',')
		}
		r.begun = true
	}
	r.out = appendPrintable(slices.Grow(r.out, len(p)), bytes.TrimSuffix(p, []byte("\n")))
	return n, nil
}

// AddList adds key with a list to a record that has other keys and not this one.
// The list is gone through twice: it may have more elements than there is memory
// for a second copy of their text.
func AddList[T any](record []byte, key string, list iter.Seq[T]) ([]byte, error) {
	begin := fmt.Appendf(nil, ",%q:[", key)
	size := len(begin) + len("]}")
	if err := eachEncoded(list, func(text []byte) { size += len(text) + len(",") }); err != nil {
		return nil, err
	}
	out := slices.Grow(bytes.TrimSuffix(record, []byte("}")), size)
	start := len(out) + len(begin)
	out = append(out, begin...)
	err := eachEncoded(list, func(text []byte) {
		if len(out) > start {
			out = append(out, ',')
		}
		out = append(out, text...)
	})
	return append(out, "]}"...), err
}

// eachEncoded calls do with the text of each element, which is valid until do
// returns.
func eachEncoded[T any](list iter.Seq[T], do func(text []byte)) error {
	var buf bytes.Buffer
	var text []byte
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	for v := range list {
		buf.Reset()
		if err := enc.Encode(v); err != nil {
			return fmt.Errorf("encode record: %w", err)
		}
		text = appendPrintable(text[:0], bytes.TrimSuffix(buf.Bytes(), []byte("\n")))
		do(text)
	}
	return nil
}

// RecordDigest is what an entry says of its record: SHA-256 over its bytes
// without the newline that ends its line in a record file.
func RecordDigest(b []byte) clip.Digest { return sha256.Sum256(b) }

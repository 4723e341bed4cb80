package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/custodock/custodock/clip"
)

// NewRecord encodes v, which must be a JSON object, as a record: one line
// without its newline, printable, and first in it "nonce", 16 random bytes in
// hex, so that no one can guess a record from its digest in the log.
func NewRecord(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	body := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	// The values are not decoded: a record can be tens of megabytes long.
	var keys struct {
		Nonce json.RawMessage `json:"nonce"`
	}
	if err := json.Unmarshal(body, &keys); err != nil || body[0] != '{' {
		return nil, fmt.Errorf("encode record: %w: %T is not a json object", ErrMalformed, v)
	}
	if keys.Nonce != nil {
		return nil, fmt.Errorf("encode record: %w: key \"nonce\" is taken", ErrMalformed)
	}
	out := []byte(`{"nonce":"` + NewNonce() + `"`)
	if len(body) > len("{}") {
		out = append(out, ',')
	}
	return append(out, Printable(body[1:])...), nil
}

// RecordDigest is what an entry says of its record: SHA-256 over its bytes
// without the newline that ends its line in a record file.
func RecordDigest(b []byte) clip.Digest { return sha256.Sum256(b) }

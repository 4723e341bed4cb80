// Package clip holds the values every other package speaks of: where a clip
// came from, what it is called there, what its bytes hash to, and what is
// known of it. It has no behaviour beyond reading and writing those values.
package clip

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Digest is a SHA-256 (FIPS 180-4) over whole contents.
type Digest [sha256.Size]byte

// String returns 64 lower-case hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText writes the form of String.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts exactly the form of String.
func (d *Digest) UnmarshalText(b []byte) error {
	v, err := ParseDigest(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// ParseDigest accepts 64 lower-case hexadecimal digits and nothing else.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	ok := len(s) == 2*len(d)
	for i := 0; ok && i < len(d); i++ {
		high, low := digits[s[2*i]], digits[s[2*i+1]]
		d[i] = high<<4 | low
		ok = high|low < 16
	}
	if !ok {
		return Digest{}, fmt.Errorf("%q is no sha-256 in 64 lower-case hex digits", s)
	}
	return d, nil
}

// digits is what each lower-case hexadecimal digit stands for, more than 15
// where a byte is none.
var digits = func() (all [256]byte) {
	for c := range all {
		all[c] = 0xff
	}
	for i, c := range "0123456789abcdef" {
		all[c] = byte(i)
	}
	return all
}()

// Role says what a file is to the recording it belongs to.
type Role string

// The roles. Only Main and Still are asked for tags.
const (
	Main    Role = "main"
	Still   Role = "still"
	Proxy   Role = "proxy"
	Sidecar Role = "sidecar"
	Log     Role = "log"
)

// NeedsTags reports whether a file of this role must have all five tags.
func (r Role) NeedsTags() bool { return r == Main || r == Still }

// Source is the origin that, with path and digest, makes an acquisition one of
// its kind.
type Source struct {
	Kind string `json:"kind"` // "device" registered, "fs" filesystem UUID, "folder" absolute path
	ID   string `json:"id"`
}

// String returns kind and id joined by a colon.
func (s Source) String() string { return s.Kind + ":" + s.ID }

// Ref names one file as it was seen on its source.
type Ref struct {
	Source  Source
	Path    string    // relative to the source, slash-separated, raw bytes as on the device
	Size    int64     // bytes
	ModTime time.Time // as the filesystem gave it, never corrected
}

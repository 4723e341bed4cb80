// Package manifest holds the formats and the mathematics of a dock's log:
// entries and the records behind them, keys, checkpoints, hash tiles, entry
// bundles and inclusion proofs. It does no I/O. The formats are described for
// other implementers in docs/formats.md; those that are not ours are
//
//   - the Merkle tree of RFC 6962, section 2.1;
//   - signed notes, c2sp.org/signed-note;
//   - checkpoints, c2sp.org/tlog-checkpoint;
//   - tiles and entry bundles, c2sp.org/tlog-tiles;
//   - proofs, c2sp.org/tlog-proof.
//
// Everything that is parsed here is accepted only if encoding it again gives
// the same bytes, so that one meaning has one digest.
package manifest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

var (
	// ErrMalformed is wrapped when bytes are not of their format, or are not
	// the one encoding of what they mean.
	ErrMalformed = errors.New("malformed")
	// ErrUntrusted is wrapped when a checkpoint carries no signature by the
	// expected key, or a wrong one, or speaks for another log.
	ErrUntrusted = errors.New("not signed by the expected key")
	// ErrForked is wrapped when two histories of one log do not extend each other.
	ErrForked = errors.New("log is forked")
)

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// LogName is the default name of the log whose first key is pub: "d" and the
// first 25 bits of SHA-256 over the raw key in lower-case Crockford base32.
func LogName(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	bits := uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
	name := []byte{'d'}
	for shift := 27; shift >= 7; shift -= 5 {
		name = append(name, crockford[bits>>shift&31])
	}
	return string(name)
}

var logName = regexp.MustCompile(`^[a-z][a-z0-9]{2,15}$`)

// ValidLogName reports whether s may name a log.
func ValidLogName(s string) bool { return logName.MatchString(s) }

// ValidAuthority reports whether s can stand before the log's name in an
// origin: a signed note allows neither white space nor "+" in the name of a
// key, and we allow no character that a screen would not show as it is.
func ValidAuthority(s string) bool {
	bad := func(r rune) bool { return r == '+' || unicode.IsSpace(r) || hidden(r) }
	return s != "" && len(s) <= 200 && utf8.ValidString(s) && strings.IndexFunc(s, bad) < 0 &&
		!strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/")
}

// Origin is the first line of the log's checkpoints and the name of its keys.
func Origin(authority, log string) string { return authority + "/" + log }

// SplitOrigin undoes Origin; ok is false when s is no origin.
func SplitOrigin(s string) (authority, log string, ok bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 || !ValidAuthority(s[:i]) || !ValidLogName(s[i+1:]) {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// NewKey makes an Ed25519 key called name and returns its signed-note signer
// key (secret) and verifier key.
func NewKey(name string) (skey, vkey string, err error) {
	return note.GenerateKey(rand.Reader, name)
}

// EncodeKey is NewKey for a key that exists already, as it must where the
// log's name is made from the key.
func EncodeKey(name string, priv ed25519.PrivateKey) (skey, vkey string, err error) {
	const ed25519Type = 1 // signature type byte of c2sp.org/signed-note
	pub, ok := priv.Public().(ed25519.PublicKey)
	if !ok {
		return "", "", errors.New("encode key: not an ed25519 key")
	}
	vkey, err = note.NewEd25519VerifierKey(name, pub)
	if err != nil {
		return "", "", fmt.Errorf("encode key: %w", err)
	}
	if _, err := note.NewVerifier(vkey); err != nil {
		return "", "", fmt.Errorf("encode key %q: %w", name, err)
	}
	hash := strings.Split(vkey, "+")[1]
	secret := append([]byte{ed25519Type}, priv.Seed()...)
	skey = "PRIVATE+KEY+" + name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(secret)
	return skey, vkey, nil
}

// PublicKey derives the verifier key from a signer key.
func PublicKey(skey string) (string, error) {
	parts := strings.SplitN(skey, "+", 5)
	if len(parts) != 5 {
		return "", fmt.Errorf("signing key: %w", ErrMalformed)
	}
	b, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(b) != 1+ed25519.SeedSize {
		return "", fmt.Errorf("signing key: %w", ErrMalformed)
	}
	_, vkey, err := EncodeKey(parts[2], ed25519.NewKeyFromSeed(b[1:]))
	return vkey, err
}

// ParseKey reads a verifier key and refuses any but its one encoding.
func ParseKey(vkey string) (note.Verifier, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("verifier key %q: %w: %w", vkey, ErrMalformed, err)
	}
	parts := strings.SplitN(vkey, "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || base64.StdEncoding.EncodeToString(key) != parts[2] || fmt.Sprintf("%08x", v.KeyHash()) != parts[1] {
		return nil, fmt.Errorf("verifier key %q: %w", vkey, ErrMalformed)
	}
	return v, nil
}

// LogPath is where a file of a log stands in a store and in the state folder.
func LogPath(log, rest string) string { return "log/" + log + "/" + rest }

// KeyPath is where the first verifier key of a log stands.
func KeyPath(log string) string { return LogPath(log, "key") }

// CheckpointPath is where the newest published checkpoint of a log stands.
func CheckpointPath(log string) string { return LogPath(log, "checkpoint") }

// RecordPath is where the records of one publishing stand; first is the number
// of the entry whose record is its first line.
func RecordPath(log string, first int64) string {
	return "record/" + log + "/" + strconv.FormatInt(first, 10) + ".ndjson"
}

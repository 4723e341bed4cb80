package manifest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

const (
	// cosignatureType is that of Ed25519 keys of witnesses, c2sp.org/tlog-cosignature.
	cosignatureType = 4
	// cosignatureSize is eight bytes of time before the signature.
	cosignatureSize = 8 + ed25519.SignatureSize
	secretPrefix    = "PRIVATE+KEY+"
	linePrefix      = "\u2014 "
)

// WitnessKey is the public half of a witness's key. As a note.Verifier it
// accepts cosignatures of any time.
type WitnessKey struct {
	name string
	hash uint32
	pub  ed25519.PublicKey
}

// NewWitnessKey is the key of a witness called name.
func NewWitnessKey(name string, pub ed25519.PublicKey) (*WitnessKey, error) {
	if !validKeyName(name) || len(pub) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("witness key %q: %w: a name has no spaces and no +, and the key is Ed25519", name, ErrMalformed)
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), typed(pub)...))
	return &WitnessKey{name: name, hash: binary.BigEndian.Uint32(sum[:]), pub: pub}, nil
}

// validKeyName is what a signed note allows, less what a screen would not show
// as it is.
func validKeyName(s string) bool {
	bad := func(r rune) bool { return r == '+' || unicode.IsSpace(r) || hidden(r) }
	return s != "" && len(s) <= 200 && utf8.ValidString(s) && strings.IndexFunc(s, bad) < 0
}

func typed(key []byte) []byte { return append([]byte{cosignatureType}, key...) }

// ParseWitnessKey reads a verifier key with the type of cosignatures and refuses
// any but its one encoding.
func ParseWitnessKey(vkey string) (*WitnessKey, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	_, b64, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.DecodeString(b64)
	switch {
	case err != nil || len(key) == 0:
		return nil, fmt.Errorf("witness key %q: %w: it is not name+id+base64", vkey, ErrMalformed)
	case key[0] != cosignatureType:
		return nil, fmt.Errorf("witness key %q: %w: its type is %d; witnesses with Ed25519 keys have type %d", vkey, ErrMalformed, key[0], cosignatureType)
	}
	k, err := NewWitnessKey(name, key[1:])
	if err != nil {
		return nil, err
	}
	if k.String() != vkey {
		return nil, fmt.Errorf("witness key %q: %w: its id is not that of the key, copy the line again", vkey, ErrMalformed)
	}
	return k, nil
}

// Name is what stands in the witness's signature lines.
func (k *WitnessKey) Name() string { return k.name }

// KeyHash is the key id.
func (k *WitnessKey) KeyHash() uint32 { return k.hash }

// String is the verifier key.
func (k *WitnessKey) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.hash, base64.StdEncoding.EncodeToString(typed(k.pub)))
}

// Verify reports whether sig cosigns the text of a checkpoint.
func (k *WitnessKey) Verify(text, sig []byte) bool {
	if len(sig) != cosignatureSize {
		return false
	}
	if _, err := parseText(string(text)); err != nil {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at <= math.MaxInt64 && ed25519.Verify(k.pub, cosigned(at, string(text)), sig[8:])
}

// cosigned is the message that a witness signs.
func cosigned(at uint64, text string) []byte {
	return []byte("cosignature/v1\ntime " + strconv.FormatUint(at, 10) + "\n" + text)
}

// Cosigner is a witness's key with its secret half.
type Cosigner struct {
	key     *WitnessKey
	private ed25519.PrivateKey
}

// NewCosigner is the witness called name.
func NewCosigner(name string, private ed25519.PrivateKey) (*Cosigner, error) {
	pub, ok := private.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("make cosigner: not an ed25519 key")
	}
	k, err := NewWitnessKey(name, pub)
	if err != nil {
		return nil, err
	}
	return &Cosigner{key: k, private: private}, nil
}

// ParseCosigner undoes Encode and accepts nothing else. Its error does not show
// the secret.
func ParseCosigner(skey string) (*Cosigner, error) {
	bad := fmt.Errorf("secret key of a witness: %w: it is not PRIVATE+KEY+name+id+base64 with type %d", ErrMalformed, cosignatureType)
	rest, ok := strings.CutPrefix(skey, secretPrefix)
	parts := strings.SplitN(rest, "+", 3)
	if !ok || len(parts) != 3 {
		return nil, bad
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.SeedSize || key[0] != cosignatureType {
		return nil, bad
	}
	c, err := NewCosigner(parts[0], ed25519.NewKeyFromSeed(key[1:]))
	if err != nil || c.Encode() != skey {
		return nil, bad
	}
	return c, nil
}

// Encode is the secret key in the form of signed notes.
func (c *Cosigner) Encode() string {
	return fmt.Sprintf("%s%s+%08x+%s", secretPrefix, c.key.name, c.key.hash, base64.StdEncoding.EncodeToString(typed(c.private.Seed())))
}

// Key is the public half.
func (c *Cosigner) Key() *WitnessKey { return c.key }

// Cosign gives the signature line, with its newline, that states that at time at
// this checkpoint was the largest consistent one the witness had seen of the log.
func (c *Cosigner) Cosign(checkpoint Checkpoint, at time.Time) ([]byte, error) {
	text := checkpoint.Text()
	if _, err := parseText(text); err != nil {
		return nil, fmt.Errorf("cosign: %w", err)
	}
	if at.Unix() < 0 {
		return nil, fmt.Errorf("cosign %s: the clock says %d: set it", checkpoint.Origin, at.Unix())
	}
	stamp := uint64(at.Unix())
	b := binary.BigEndian.AppendUint32(nil, c.key.hash)
	b = binary.BigEndian.AppendUint64(b, stamp)
	b = append(b, ed25519.Sign(c.private, cosigned(stamp, text))...)
	return []byte(linePrefix + c.key.name + " " + base64.StdEncoding.EncodeToString(b) + "\n"), nil
}

// Cosignature is one good line of a witness under a checkpoint.
type Cosignature struct {
	Key  *WitnessKey
	Time time.Time
	Line string // with its newline
}

// Cosignatures gives the lines of these witnesses under a signed checkpoint,
// which must be canonical. Lines of others are ignored; one of theirs that does
// not verify makes the whole note worthless: ErrUntrusted.
func Cosignatures(msg []byte, keys ...*WitnessKey) ([]Cosignature, error) {
	if len(msg) > maxCheckpoint {
		return nil, fmt.Errorf("cosignatures: %w: %d bytes are more than %d", ErrMalformed, len(msg), maxCheckpoint)
	}
	list := make([]note.Verifier, len(keys))
	for i, k := range keys {
		list[i] = k
	}
	n, err := note.Open(msg, note.VerifierList(list...))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		n = unverified.Note
	case errors.As(err, &invalid):
		return nil, fmt.Errorf("cosignatures: %w: %w", ErrUntrusted, err)
	case err != nil:
		return nil, fmt.Errorf("cosignatures: %w: %w", ErrMalformed, err)
	}
	if err := canonicalNote(msg, n); err != nil {
		return nil, fmt.Errorf("cosignatures: %w: %w", ErrMalformed, err)
	}
	var out []Cosignature
	for _, sig := range n.Sigs {
		raw, err := base64.StdEncoding.DecodeString(sig.Base64)
		if err != nil || len(raw) != 4+cosignatureSize {
			return nil, fmt.Errorf("cosignatures: %w: a line of %q", ErrMalformed, sig.Name)
		}
		out = append(out, Cosignature{
			Key:  keys[slices.IndexFunc(keys, func(k *WitnessKey) bool { return k.name == sig.Name && k.hash == sig.Hash })],
			Time: time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0).UTC(),
			Line: linePrefix + sig.Name + " " + sig.Base64 + "\n",
		})
	}
	return out, nil
}

// WithCosignatures puts the lines of witnesses under a checkpoint, one of each
// witness: those that stand there stay.
func WithCosignatures(msg []byte, lines ...Cosignature) []byte {
	out := bytes.Clone(msg)
	for _, l := range lines {
		if there, err := Cosignatures(out, l.Key); err == nil && len(there) == 0 {
			out = append(out, l.Line...)
		}
	}
	return out
}

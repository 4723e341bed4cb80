package manifest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// EndorsementStart is how the text of every endorsement begins. No origin and no
// other note of ours begins so.
const EndorsementStart = "custodock endorsement v1\n"

// What an endorsed key may sign.
const (
	RoleDock    = "dock"    // a log: checkpoints and receipts
	RoleWitness = "witness" // cosignatures on other docks' checkpoints
	RoleTSA     = "tsa"     // RFC 3161 time stamps
)

// certificatePrefix begins the key of a time-stamp authority, whose
// certificate is named by SHA-256 over its DER bytes.
const certificatePrefix = "sha256:"

// maxEndorsement is far more than an endorsement takes, signatures included, in bytes.
const maxEndorsement = 16 << 10

// Endorsement is the word of an authority that a key is one of its own, for what,
// and for how long. It can be checked by who has the authority's key only.
type Endorsement struct {
	Authority string // name of the key that signs
	Role      string
	Key       string    // verifier key, or "sha256:" and the digest of a certificate
	From      time.Time // first moment it is for, UTC, milliseconds
	Until     time.Time // last one
	Issued    time.Time
	Serial    int64 // of the authority, from 1 on
}

// ValidIssuer reports whether name can be that of an authority's key. It must not
// be one that a log could have: who is handed a key has to see what it is of.
func ValidIssuer(name string) bool {
	_, _, isLog := SplitOrigin(name)
	return ValidAuthority(name) && !isLog
}

// Covers reports whether t lies in the time that e is for, both ends included.
func (e Endorsement) Covers(t time.Time) bool { return !t.Before(e.From) && !t.After(e.Until) }

// Text is what is signed: a word and its value a line.
func (e Endorsement) Text() string {
	var b strings.Builder
	b.WriteString(EndorsementStart)
	put := func(key, value string) { b.WriteString(key + " " + value + "\n") }
	put("authority", e.Authority)
	put("role", e.Role)
	put("key", e.Key)
	put("from", e.From.UTC().Format(timeLayout))
	put("until", e.Until.UTC().Format(timeLayout))
	put("issued", e.Issued.UTC().Format(timeLayout))
	put("serial", strconv.FormatInt(e.Serial, 10))
	return b.String()
}

// Sign encodes e as a signed note.
func (e Endorsement) Sign(signer note.Signer) ([]byte, error) {
	if _, err := parseEndorsement(e.Text()); err != nil {
		return nil, fmt.Errorf("sign endorsement: %w", err)
	}
	if signer.Name() != e.Authority {
		return nil, fmt.Errorf("sign endorsement of %s: the key is called %s", e.Authority, signer.Name())
	}
	msg, err := note.Sign(&note.Note{Text: e.Text()}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign endorsement: %w", err)
	}
	return msg, nil
}

// OpenEndorsement reads an endorsement that must carry a good signature by v, the
// key of the authority that it names. The error wraps ErrUntrusted when it is
// another authority's, else ErrMalformed.
func OpenEndorsement(msg []byte, v note.Verifier) (Endorsement, error) {
	text, err := openNote(msg, maxEndorsement, v)
	if err != nil {
		return Endorsement{}, fmt.Errorf("endorsement by %s: %w", v.Name(), err)
	}
	e, err := parseEndorsement(text)
	switch {
	case err != nil:
		return Endorsement{}, fmt.Errorf("endorsement by %s: %w", v.Name(), err)
	case e.Authority != v.Name():
		return Endorsement{}, fmt.Errorf("endorsement by %s: %w: it speaks for %q", v.Name(), ErrUntrusted, e.Authority)
	}
	return e, nil
}

// ClaimedEndorsement is what a note says before anybody has checked who signed
// it. It is for who passes the note on, never for who relies on it.
func ClaimedEndorsement(msg []byte) (Endorsement, error) {
	end := strings.LastIndex(string(msg), "\n\n")
	if len(msg) > maxEndorsement || end < 0 {
		return Endorsement{}, fmt.Errorf("endorsement: %w", ErrMalformed)
	}
	e, err := parseEndorsement(string(msg[:end+1]))
	if err == nil {
		_, err = note.Open(msg, note.VerifierList())
		var unverified *note.UnverifiedNoteError
		if errors.As(err, &unverified) {
			err = canonicalNote(msg, unverified.Note)
		}
	}
	if err != nil {
		return Endorsement{}, fmt.Errorf("endorsement: %w: %w", ErrMalformed, err)
	}
	return e, nil
}

// parseEndorsement undoes Text and accepts nothing else.
func parseEndorsement(text string) (Endorsement, error) {
	var e Endorsement
	rest, _ := strings.CutPrefix(text, EndorsementStart)
	for line := range strings.SplitSeq(strings.TrimSuffix(rest, "\n"), "\n") {
		key, value, _ := strings.Cut(line, " ")
		e.set(key, value)
	}
	if e.Serial < 1 || e.Until.Before(e.From) || !ValidIssuer(e.Authority) || e.Text() != text {
		return Endorsement{}, fmt.Errorf("%w: the text is not that of an endorsement", ErrMalformed)
	}
	if err := CheckEndorsable(e.Role, e.Key); err != nil {
		return Endorsement{}, err
	}
	return e, nil
}

// set takes in one line; what it cannot read is missed when the text is compared.
func (e *Endorsement) set(key, value string) {
	words := map[string]*string{"authority": &e.Authority, "role": &e.Role, "key": &e.Key}
	times := map[string]*time.Time{"from": &e.From, "until": &e.Until, "issued": &e.Issued}
	switch {
	case words[key] != nil:
		*words[key] = value
	case times[key] != nil:
		*times[key], _ = time.Parse(timeLayout, value)
	case key == "serial":
		e.Serial, _ = strconv.ParseInt(value, 10, 64)
	}
}

// CheckEndorsable refuses a key that can have no such role: a dock's is that of
// a log, a witness's any verifier key, a time-stamp authority's a certificate.
func CheckEndorsable(role, key string) error {
	switch role {
	case RoleDock:
		v, err := ParseKey(key)
		if err != nil {
			return err
		}
		if _, _, ok := SplitOrigin(v.Name()); !ok {
			return fmt.Errorf("%w: key %q is of no log: its name is not authority/log", ErrMalformed, key)
		}
		return nil
	case RoleWitness:
		_, err := rawKey(key)
		return err
	case RoleTSA:
		digest, _ := strings.CutPrefix(key, certificatePrefix)
		if b, err := hex.DecodeString(digest); err != nil || len(b) != 32 || CertificateKey([32]byte(b)) != key {
			return fmt.Errorf("%w: %q does not name a certificate by its SHA-256", ErrMalformed, key)
		}
		return nil
	}
	return fmt.Errorf("%w: %q is no role: use dock, witness or tsa", ErrMalformed, role)
}

// CertificateKey names a certificate by SHA-256 over its DER bytes.
func CertificateKey(digest [32]byte) string { return certificatePrefix + hex.EncodeToString(digest[:]) }

// EndorsementPath is where an endorsement of a log's key stands in a store; digest
// is SHA-256 over its bytes in hex.
func EndorsementPath(log, digest string) string { return LogPath(log, "endorsement/"+digest) }

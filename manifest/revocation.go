package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// RevocationsStart is how the text of every list of revoked keys begins.
const RevocationsStart = "custodock revocations v1\n"

const (
	maxRevocations = 1 << 20 // bytes of a list, signatures included
	maxReason      = 200     // bytes
)

// Revocation says that a key is the authority's no more.
type Revocation struct {
	Key    string    // as in the endorsement
	Time   time.Time // since when it may have been in other hands, UTC, milliseconds
	Reason string
}

// Revocations are all keys that an authority has revoked, in the order it did.
// A later list begins with every earlier one, so a list cannot be shortened
// without who has seen a longer one noticing.
type Revocations struct {
	Authority string
	Issued    time.Time
	List      []Revocation
}

// Of finds what the list says of a key.
func (r Revocations) Of(key string) (Revocation, bool) {
	i := slices.IndexFunc(r.List, func(x Revocation) bool { return x.Key == key })
	if i < 0 {
		return Revocation{}, false
	}
	return r.List[i], true
}

// Text is what is signed. serial is the number of revoked keys.
func (r Revocations) Text() string {
	var b strings.Builder
	b.WriteString(RevocationsStart + "authority " + r.Authority + "\nissued " + r.Issued.UTC().Format(timeLayout) +
		"\nserial " + strconv.Itoa(len(r.List)) + "\n")
	for _, x := range r.List {
		b.WriteString("revoked " + x.Time.UTC().Format(timeLayout) + " " + x.Key + " " + x.Reason + "\n")
	}
	return b.String()
}

// Sign encodes r as a signed note.
func (r Revocations) Sign(signer note.Signer) ([]byte, error) {
	if _, err := parseRevocations(r.Text()); err != nil {
		return nil, fmt.Errorf("sign revocations: %w", err)
	}
	if signer.Name() != r.Authority {
		return nil, fmt.Errorf("sign revocations of %s: the key is called %s", r.Authority, signer.Name())
	}
	msg, err := note.Sign(&note.Note{Text: r.Text()}, signer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("sign revocations: %w", err)
	case len(msg) > maxRevocations:
		return nil, errors.New("sign revocations: the list is full: begin another authority")
	}
	return msg, nil
}

// OpenRevocations reads a list that must carry a good signature by v, the key of
// the authority that it names. The error wraps ErrUntrusted when it is another
// authority's, else ErrMalformed.
func OpenRevocations(msg []byte, v note.Verifier) (Revocations, error) {
	text, err := openNote(msg, maxRevocations, v)
	if err != nil {
		return Revocations{}, fmt.Errorf("revocations by %s: %w", v.Name(), err)
	}
	r, err := parseRevocations(text)
	switch {
	case err != nil:
		return Revocations{}, fmt.Errorf("revocations by %s: %w", v.Name(), err)
	case r.Authority != v.Name():
		return Revocations{}, fmt.Errorf("revocations by %s: %w: they speak for %q", v.Name(), ErrUntrusted, r.Authority)
	}
	return r, nil
}

// parseRevocations undoes Text and accepts nothing else.
func parseRevocations(text string) (Revocations, error) {
	bad := fmt.Errorf("%w: the text is not that of a list of revoked keys", ErrMalformed)
	var r Revocations
	rest, _ := strings.CutPrefix(text, RevocationsStart)
	seen := map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimSuffix(rest, "\n"), "\n") {
		word, value, _ := strings.Cut(line, " ")
		switch word {
		case "authority":
			r.Authority = value
		case "issued":
			r.Issued, _ = time.Parse(timeLayout, value)
		case "revoked":
			at, about, _ := strings.Cut(value, " ")
			key, reason, _ := strings.Cut(about, " ")
			t, err := time.Parse(timeLayout, at)
			if err != nil || seen[key] || !revocable(key) || !ValidReason(reason) {
				return Revocations{}, bad
			}
			seen[key] = true
			r.List = append(r.List, Revocation{Key: key, Time: t, Reason: reason})
		}
	}
	if !ValidIssuer(r.Authority) || r.Text() != text {
		return Revocations{}, bad
	}
	return r, nil
}

// revocable reports whether key is one that could have been endorsed.
func revocable(key string) bool {
	return CheckEndorsable(RoleWitness, key) == nil || CheckEndorsable(RoleTSA, key) == nil
}

// ValidReason reports whether s can stand in a list: one line that a screen
// shows as it is.
func ValidReason(s string) bool {
	return s != "" && len(s) <= maxReason && strings.TrimSpace(s) == s && strings.ToValidUTF8(s, "") == s &&
		!strings.ContainsFunc(s, hidden)
}

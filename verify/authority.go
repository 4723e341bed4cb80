package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// Authority is whom an auditor trusts to say which keys are those of its docks,
// in the place of the keys themselves.
type Authority struct {
	Verifier note.Verifier
	// Revoked is the authority's list of revoked keys, from the authority itself;
	// nil when nobody asked for it. A list beside the evidence would be worth
	// nothing: whoever stole a key leaves it out.
	Revoked *manifest.Revocations
}

// Logs names the logs in a store, in order.
func (a Authority) Logs(ctx context.Context, st store.Reader) ([]string, error) {
	var logs []string
	for info, err := range st.List(ctx, "log/") {
		if err != nil && !strings.HasPrefix(info.Name, "log/") {
			return nil, fmt.Errorf("list log/: %w", err)
		}
		log, rest, _ := strings.Cut(strings.TrimPrefix(info.Name, "log/"), "/")
		if manifest.ValidLogName(log) && rest != "" && !slices.Contains(logs, log) {
			logs = append(logs, log)
		}
	}
	slices.Sort(logs)
	return logs, nil
}

// Log finds what the authority endorsed for a log of a store, and returns the
// options to verify it with. The error is a *MismatchError where the authority
// does not answer for the log.
func (a Authority) Log(ctx context.Context, st store.Reader, log string) (Options, error) {
	var notes [][]byte
	top := manifest.EndorsementPath(log, "")
	for info, err := range st.List(ctx, top) {
		if err != nil {
			return Options{}, fmt.Errorf("list %s: %w", top, err)
		}
		msg, err := store.ReadBare(ctx, st, info.Name, maxSmall)
		if err != nil {
			return Options{}, fmt.Errorf("read %s: %w", info.Name, err)
		}
		notes = append(notes, msg)
	}
	var unsigned error
	o, err := a.choose("log "+log, log, notes, func(key string) bool {
		_, err := Open(ctx, Options{Store: st, Key: key})
		unsigned = err
		return err == nil
	})
	var mismatch *MismatchError
	if unsigned != nil && !errors.As(unsigned, &mismatch) {
		return Options{}, unsigned // the store, not the evidence
	}
	o.Store = st
	return o, err
}

// Package finds what the authority endorsed for the log of an evidence package, a
// folder or a zip.
func (a Authority) Package(path string) (Options, error) {
	b, done, err := openBox(path)
	if err != nil {
		return Options{}, err
	}
	defer done()
	var notes [][]byte
	var proof string
	var unread error
	err = b.walk(func(name string, regular bool) {
		switch {
		case !regular:
		case strings.HasPrefix(name, "endorsements/") && len(notes) < maxPackNotes:
			msg, err := readSome(b, name)
			unread = errors.Join(unread, err)
			notes = append(notes, msg)
		case strings.HasPrefix(name, "proofs/"):
			proof = name
		}
	})
	if err = errors.Join(err, unread); err != nil {
		return Options{}, err
	}
	text, err := readSome(b, proof)
	if err != nil {
		text = nil // no key signs it
	}
	return a.choose("this package", "", notes, func(key string) bool {
		v, err := manifest.ParseKey(key)
		if err != nil {
			return false
		}
		p, err := manifest.ParseProof(text)
		if err == nil {
			_, err = manifest.OpenCheckpoint(p.Checkpoint, v.Name(), v)
		}
		return err == nil
	})
}

// Of a package so many endorsements are read, of so many bytes at most.
const (
	maxPackNotes = 64
	maxPackNote  = 64 << 10
)

// readSome reads the beginning of a small file; what is longer is no note.
func readSome(b box, name string) ([]byte, error) {
	f, err := b.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxPackNote))
}

// choose takes of the notes those that the authority signed for keys of a log,
// any where log is "", leaves out what was revoked, and returns the newest key
// that signs with all endorsements of keys that do.
func (a Authority) choose(what, log string, notes [][]byte, signs func(key string) bool) (Options, error) {
	why := "there is no endorsement with it; ask the dock's admin to install one (custodock key install)"
	gone := ""
	var good []manifest.Endorsement
	for _, msg := range notes {
		e, err := manifest.OpenEndorsement(msg, a.Verifier)
		if err != nil {
			why = "the endorsement with it is not signed by that key"
			continue
		}
		_, of, _ := manifest.SplitOrigin(strings.SplitN(e.Key, "+", 2)[0])
		x, revoked := a.revoked(e.Key)
		switch {
		case e.Role != manifest.RoleDock:
			why = fmt.Sprintf("the key %s is endorsed as %s, not as dock", e.Key, e.Role)
		case log != "" && of != log:
			why = fmt.Sprintf("the endorsement with it is of a key of log %s", of)
		case revoked:
			gone = fmt.Sprintf("it revoked the key %s: %s; perhaps in other hands since %s, so what that key alone signed proves nothing",
				e.Key, x.Reason, x.Time.Format(time.RFC3339))
		default:
			good = append(good, e)
		}
	}
	slices.SortFunc(good, func(x, y manifest.Endorsement) int {
		return cmp.Or(y.Issued.Compare(x.Issued), cmp.Compare(y.Serial, x.Serial))
	})
	var o Options
	for _, e := range good {
		if !signs(e.Key) {
			why = fmt.Sprintf("the key %s, which is endorsed, did not sign it", e.Key)
			continue
		}
		if o.Key == "" {
			o.Key = e.Key
		}
		o.Endorsed = append(o.Endorsed, e)
	}
	if o.Key == "" {
		return Options{}, &MismatchError{Cause: fmt.Sprintf("%s: authority %s does not answer for it: %s", what, a.Verifier.Name(), cmp.Or(gone, why))}
	}
	return o, nil
}

func (a Authority) revoked(key string) (manifest.Revocation, bool) {
	if a.Revoked == nil {
		return manifest.Revocation{}, false
	}
	return a.Revoked.Of(key)
}

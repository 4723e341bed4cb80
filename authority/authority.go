// Package authority keeps the key with which an agency answers for the keys of
// its docks, witnesses and time-stamp authorities, and what it signed with it.
// All of it is one folder that no dock needs and that need not see a network:
//
//	DIR/authority.key         the signer key, mode 0600
//	DIR/endorsement/<serial>  every endorsement that was given out
//	DIR/revoked               the newest list of revoked keys
package authority

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/internal/keyfile"
	"github.com/custodock/custodock/manifest"
)

const (
	keyName     = "authority.key"
	revokedName = "revoked"
	endorsed    = "endorsement"
)

// Authority is the key of an agency and its folder.
type Authority struct {
	dir      string
	vkey     string
	signer   note.Signer
	verifier note.Verifier
}

// Init makes the key of an authority called name, with an empty list of revoked
// keys, or finds it made. What it returns is durable.
func Init(dir, name string, now time.Time) (*Authority, error) {
	if !manifest.ValidIssuer(name) {
		return nil, fmt.Errorf("make authority %q: its name has no white space and no +, and does not end like that of a log: take one such as county.example", name)
	}
	path := filepath.Join(dir, keyName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		skey, _, err := manifest.NewKey(name)
		if err != nil {
			return nil, fmt.Errorf("make authority: %w", err)
		}
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make authority: %w", err)
		}
		if err := durable.CreateFile(path, []byte(skey+"\n"), 0o600); err != nil {
			return nil, fmt.Errorf("make authority: %w", err)
		}
	}
	a, err := Open(dir)
	if err != nil {
		return nil, err
	}
	if a.Name() != name {
		return nil, fmt.Errorf("make authority %q: %s holds that of %s", name, dir, a.Name())
	}
	if _, err := os.Lstat(filepath.Join(dir, revokedName)); errors.Is(err, fs.ErrNotExist) {
		_, err = a.list(manifest.Revocations{Authority: name, Issued: now})
		return a, err
	}
	return a, nil
}

// Open reads the authority that a folder holds.
func Open(dir string) (*Authority, error) {
	skey, err := keyfile.Read(filepath.Join(dir, keyName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open authority in %s: it holds no %s: name its folder with --dir, or make one with custodock authority init", dir, keyName)
	}
	if err != nil {
		return nil, fmt.Errorf("open authority: %w", err)
	}
	vkey, err := manifest.PublicKey(skey)
	if err != nil {
		return nil, fmt.Errorf("open authority in %s: %s is no signing key: restore it from its backup", dir, keyName)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, fmt.Errorf("open authority in %s: %w", dir, err)
	}
	verifier, err := manifest.ParseKey(vkey)
	if err != nil {
		return nil, fmt.Errorf("open authority in %s: %w", dir, err)
	}
	if !manifest.ValidIssuer(verifier.Name()) {
		return nil, fmt.Errorf("open authority in %s: its key is that of a log, %s", dir, verifier.Name())
	}
	return &Authority{dir: dir, vkey: vkey, signer: signer, verifier: verifier}, nil
}

// Key is the verifier key that auditors keep.
func (a *Authority) Key() string { return a.vkey }

// Name is who the authority is: the name of its key.
func (a *Authority) Name() string { return a.verifier.Name() }

// Endorse signs that a key has a role from and until, both moments included, and
// keeps the note before it returns it.
func (a *Authority) Endorse(role, key string, from, until, now time.Time) ([]byte, manifest.Endorsement, error) {
	serial, err := a.next()
	if err != nil {
		return nil, manifest.Endorsement{}, fmt.Errorf("endorse: %w", err)
	}
	r, err := a.Revoked()
	if err != nil {
		return nil, manifest.Endorsement{}, fmt.Errorf("endorse: %w", err)
	}
	if x, gone := r.Of(key); gone {
		return nil, manifest.Endorsement{}, fmt.Errorf("endorse %s: it was revoked (%s): make another key", key, x.Reason)
	}
	e := manifest.Endorsement{
		Authority: a.Name(), Role: role, Key: key, Serial: serial, From: cut(from), Until: cut(until), Issued: cut(now),
	}
	msg, err := e.Sign(a.signer)
	if err != nil {
		return nil, e, err
	}
	path := filepath.Join(a.dir, endorsed, strconv.FormatInt(serial, 10))
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, e, fmt.Errorf("endorse: %w", err)
	}
	if err := durable.CreateFile(path, msg, 0o644); err != nil { // of two at once one has the serial
		return nil, e, fmt.Errorf("endorse: %w", err)
	}
	return msg, e, nil
}

func cut(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// next is the serial after the last one that was given out.
func (a *Authority) next() (int64, error) {
	names, err := os.ReadDir(filepath.Join(a.dir, endorsed))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	last := int64(0)
	for _, e := range names {
		if n, err := strconv.ParseInt(e.Name(), 10, 64); err == nil {
			last = max(last, n)
		}
	}
	return last + 1, nil
}

// Revoked reads the list of revoked keys.
func (a *Authority) Revoked() (manifest.Revocations, error) {
	msg, err := os.ReadFile(filepath.Join(a.dir, revokedName))
	if err != nil {
		return manifest.Revocations{}, fmt.Errorf("read list of revoked keys: %w: restore it from where you gave it out", err)
	}
	return manifest.OpenRevocations(msg, a.verifier)
}

// Revoke adds a key to the list and returns the whole list as it is given out.
// at is since when the key may have been in other hands.
func (a *Authority) Revoke(key, reason string, at, now time.Time) ([]byte, error) {
	r, err := a.Revoked()
	if err != nil {
		return nil, fmt.Errorf("revoke: %w", err)
	}
	if x, gone := r.Of(key); gone {
		return nil, fmt.Errorf("revoke %s: it is on the list already (%s)", key, x.Reason)
	}
	if !manifest.ValidReason(reason) {
		return nil, fmt.Errorf("revoke %s: say why in one line of at most 200 bytes", key)
	}
	r.List = append(r.List, manifest.Revocation{Key: key, Time: cut(at), Reason: reason})
	r.Issued = now
	return a.list(r)
}

// list signs a list and puts it in the place of the last one.
func (a *Authority) list(r manifest.Revocations) ([]byte, error) {
	r.Issued = cut(r.Issued)
	msg, err := r.Sign(a.signer)
	if err != nil {
		return nil, err
	}
	if err := durable.WriteFile(filepath.Join(a.dir, revokedName), msg, 0o644); err != nil {
		return nil, fmt.Errorf("write list of revoked keys: %w", err)
	}
	return msg, nil
}

package verifytest

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/manifest"
)

// Issuer is the name of every authority made here.
const Issuer = "county.example"

// Authority endorses the keys of logs.
type Authority struct {
	Key      string // verifier key
	Verifier note.Verifier

	t      testing.TB
	signer note.Signer
	serial int64
}

// NewAuthority makes one with a key of its own.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	skey, vkey, err := manifest.NewKey(Issuer)
	if err != nil {
		t.Fatal(err)
	}
	a := &Authority{Key: vkey, t: t}
	if a.signer, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	if a.Verifier, err = manifest.ParseKey(vkey); err != nil {
		t.Fatal(err)
	}
	return a
}

// Note signs that a key is a dock's all through 2026, or what change makes of it.
func (a *Authority) Note(key string, change func(*manifest.Endorsement)) []byte {
	a.t.Helper()
	a.serial++
	e := manifest.Endorsement{
		Authority: Issuer, Role: manifest.RoleDock, Key: key, Serial: a.serial,
		From:   time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Until:  time.Date(2026, 12, 31, 23, 59, 59, 999e6, time.UTC),
		Issued: time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC),
	}
	if change != nil {
		change(&e)
	}
	msg, err := e.Sign(a.signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return msg
}

// Endorse writes such a note beside the log and returns its name in the store.
func (a *Authority) Endorse(l *Log, key string, change func(*manifest.Endorsement)) string {
	a.t.Helper()
	msg := a.Note(key, change)
	sum := sha256.Sum256(msg)
	name := manifest.EndorsementPath(Name, hex.EncodeToString(sum[:]))
	l.Write(name, msg)
	return name
}

// Revoke is the list that holds this key alone.
func (a *Authority) Revoke(key, reason string) *manifest.Revocations {
	return &manifest.Revocations{Authority: Issuer, List: []manifest.Revocation{
		{Key: key, Time: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Reason: reason},
	}}
}

// Rotate enters another key of the log, which signs beside the earlier ones from
// then on, and returns its verifier key.
func (l *Log) Rotate() string {
	l.t.Helper()
	skey, vkey, err := manifest.NewKey(Origin)
	if err != nil {
		l.t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		l.t.Fatal(err)
	}
	l.signers = append(l.signers, signer)
	l.Append("log.key", manifest.Object{"key": vkey}, nil)
	return vkey
}

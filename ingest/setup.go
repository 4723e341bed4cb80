package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// ErrNoState is wrapped when the state directory holds no dock yet.
var ErrNoState = errors.New("no dock lives here yet: run custodock init")

// identity is who signs: fixed when the state is made.
type identity struct {
	log, authority string
	keys           []string      // verifier keys, the log's first one first
	signers        []note.Signer // one a key; all of them sign
	verifier       note.Verifier // of the first key
	fresh          bool          // just made
}

// prepare makes and locks the state directory.
func prepare(state string, create bool) (*os.File, error) {
	entries, err := os.ReadDir(state)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, stateError(state, err)
	}
	ours := contains(entries, "lock") || contains(entries, "key")
	switch {
	case !create && !contains(entries, "state.db"):
		return nil, fmt.Errorf("open state %s: %w", state, ErrNoState)
	case len(entries) > 0 && !ours:
		return nil, fmt.Errorf("open state %s: the folder holds other files: name an empty one with --state", state)
	}
	if err := durable.MkdirAll(state, 0o700); err != nil {
		return nil, stateError(state, err)
	}
	return lockState(state)
}

func contains(entries []os.DirEntry, name string) bool {
	for _, e := range entries {
		if e.Name() == name {
			return true
		}
	}
	return false
}

// loadIdentity reads the signing key, or makes it when the state is new. The
// key is durable before anything is signed with it.
func loadIdentity(ring keyring, state string, cfg configs.Config, mustExist bool) (identity, error) {
	keys, err := ring.read()
	if missing(err) && !mustExist && !isFile(filepath.Join(state, "state.db")) {
		return makeIdentity(ring, cfg)
	}
	if missing(err) {
		log, known := lostLog(state)
		old := ""
		if !known {
			old = " --old LOG"
		} else {
			log = " of log " + log
		}
		return identity{}, fmt.Errorf("read signing key%s: %w: restore it from its backup; where it is a credential of the service, start that; if it is lost, end the log and begin one that follows it with custodock log recover --new%s",
			log, err, old)
	}
	if err != nil {
		return identity{}, fmt.Errorf("read signing key: %w", err)
	}
	id, err := parseIdentity(keys)
	if err != nil {
		return identity{}, fmt.Errorf("read signing key %s: %w", ring.where(), err)
	}
	for _, c := range []struct{ what, want, is string }{{"log", cfg.Log, id.log}, {"authority", cfg.Authority, id.authority}} {
		if c.want != "" && c.want != c.is {
			return identity{}, fmt.Errorf("open state %s: its %s is %q, not %q: a log's name is fixed when it is made", state, c.what, c.is, c.want)
		}
	}
	return id, nil
}

// lostLog is the log of a state whose signing key is gone.
func lostLog(state string) (log string, known bool) {
	if !isFile(filepath.Join(state, "state.db")) {
		return "", false
	}
	db, err := openDB(state)
	if err != nil {
		return "", false
	}
	key, err := ledger.KeyOf(db)
	if err2 := db.Close(); err != nil || err2 != nil {
		return "", false
	}
	v, err := manifest.ParseKey(key)
	if err != nil {
		return "", false
	}
	_, log, known = manifest.SplitOrigin(v.Name())
	return log, known
}

func isFile(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func makeIdentity(ring keyring, cfg configs.Config) (identity, error) {
	authority := cfg.Authority
	if authority == "" {
		host, err := os.Hostname()
		if err != nil {
			return identity{}, err
		}
		authority = host
	}
	skey, err := newKey(authority, cfg.Log)
	if err != nil {
		return identity{}, fmt.Errorf("make signing key: %w", err)
	}
	if err := ring.create(skey); err != nil {
		return identity{}, fmt.Errorf("write signing key: %w", err)
	}
	id, err := parseIdentity(skey)
	id.fresh = true
	return id, err
}

// parseIdentity reads the keys of one log, one a line.
func parseIdentity(text string) (identity, error) {
	var id identity
	for skey := range strings.SplitSeq(text, "\n") {
		signer, err := note.NewSigner(skey)
		if err != nil {
			return identity{}, errors.New("it is no signed-note private key: restore it from its backup")
		}
		vkey, err := manifest.PublicKey(skey)
		if err != nil {
			return identity{}, err
		}
		id.keys, id.signers = append(id.keys, vkey), append(id.signers, signer)
		if first := id.signers[0].Name(); signer.Name() != first {
			return identity{}, fmt.Errorf("it holds keys of %q and of %q: restore it from its backup", first, signer.Name())
		}
	}
	var err error
	if id.verifier, err = note.NewVerifier(id.keys[0]); err != nil {
		return identity{}, err
	}
	var ok bool
	if id.authority, id.log, ok = manifest.SplitOrigin(id.verifier.Name()); !ok {
		return identity{}, fmt.Errorf("its name %q is no authority and log", id.verifier.Name())
	}
	return id, nil
}

package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/internal/keyfile"
)

// CredentialName is what the service manager calls the signing key when it hands
// it to the daemon (LoadCredential= and LoadCredentialEncrypted= of systemd.exec).
const CredentialName = "custodock.key"

// keyring is where a dock's signing keys are kept: one a line, the log's first
// key first.
type keyring interface {
	// read wraps fs.ErrNotExist when no key was made there yet.
	read() (string, error)
	// create keeps the first key, durably, and never replaces one.
	create(keys string) error
	// replace puts others in their place, durably and in one step.
	replace(keys string) error
	// replaceable says why replace could not work, nil where it can.
	replaceable() error
	// where names the place to a person.
	where() string
}

// keyring finds the place: the service manager's word goes before the
// configuration's, and the state is the last.
func (o Options) keyring() keyring {
	if o.Credentials != "" {
		path := filepath.Join(o.Credentials, CredentialName)
		if isFile(path) {
			return credential(path)
		}
	}
	if o.Config.Key != "" {
		return keyFile(o.Config.Key)
	}
	return keyFile(filepath.Join(o.State, "key"))
}

// keyFile is a file that its owner alone may read.
type keyFile string

func (k keyFile) read() (string, error) { return keyfile.Read(string(k)) }
func (k keyFile) create(keys string) error {
	return durable.CreateFile(string(k), []byte(keys+"\n"), 0o600)
}
func (k keyFile) replace(keys string) error {
	return durable.WriteFile(string(k), []byte(keys+"\n"), 0o600)
}
func (keyFile) replaceable() error { return nil }
func (k keyFile) where() string    { return string(k) }

// credential is a file that the service manager made for this process: in
// memory, in a folder that nobody else may enter, and read-only. Its own mode
// has a group where an access list is used, so that only others are looked at.
type credential string

// errCredential says what a credential cannot do.
var errCredential = errors.New("the key is a credential of the service: change it where the unit loads it from")

func (c credential) read() (string, error) {
	fi, err := os.Stat(string(c))
	if err != nil {
		return "", err
	}
	if fi.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("credential %s: others may read it (mode %04o)", string(c), fi.Mode().Perm())
	}
	b, err := os.ReadFile(string(c))
	return strings.TrimSpace(string(b)), err
}

func (credential) create(string) error  { return errCredential }
func (credential) replace(string) error { return errCredential }
func (credential) replaceable() error   { return errCredential }
func (c credential) where() string      { return "credential " + CredentialName }

// missing reports whether no key was made yet.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

package s3

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store"
)

// newCredentials finds out where the access keys come from: the configured file
// or systemd credential, the AWS_* variables, the shared file, the machine's
// role. client asks for the last.
func newCredentials(c configs.Store, getenv func(string) string, client *http.Client) (*credentials.Credentials, error) {
	profile := c.Profile
	if profile == "" {
		profile = getenv("AWS_PROFILE")
	}
	if profile == "" {
		profile = "default"
	}
	if c.Credentials != "" {
		f := &keyFile{path: c.Credentials, profile: profile, private: true}
		if !filepath.IsAbs(c.Credentials) {
			dir := getenv("CREDENTIALS_DIRECTORY")
			if dir == "" {
				return nil, fmt.Errorf("%w: %q is a systemd credential and $CREDENTIALS_DIRECTORY is not set; add LoadCredential=%s:FILE to the unit, or configure an absolute path",
					store.ErrDenied, c.Credentials, c.Credentials)
			}
			// systemd guards the directory; the file itself is 0440.
			f.path, f.private = filepath.Join(dir, c.Credentials), false
		}
		return credentials.New(f), nil
	}
	k := keys{id: getenv("AWS_ACCESS_KEY_ID"), secret: getenv("AWS_SECRET_ACCESS_KEY"), token: getenv("AWS_SESSION_TOKEN")}
	if k.id != "" && k.secret != "" {
		return credentials.NewStaticV4(k.id, k.secret, k.token), nil
	}
	if path := sharedFile(getenv); path != "" {
		return credentials.New(&keyFile{path: path, profile: profile, private: true}), nil
	}
	role := &credentials.IAM{Client: client}
	if getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" {
		role.Endpoint = getenv("AWS_ENDPOINT_URL_STS")
	}
	return credentials.New(&roleKeys{role}), nil
}

// sharedFile is the AWS tools' own file. One that is named must exist, the
// usual one need not.
func sharedFile(getenv func(string) string) string {
	if path := getenv("AWS_SHARED_CREDENTIALS_FILE"); path != "" {
		return path
	}
	home := getenv("HOME")
	if home == "" {
		return ""
	}
	path := filepath.Join(home, ".aws", "credentials")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// roleKeys says what to do where a machine has no role either.
type roleKeys struct{ *credentials.IAM }

func (r *roleKeys) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	v, err := r.IAM.RetrieveWithCredContext(cc)
	if err != nil {
		return v, fmt.Errorf("%w: none are configured and the machine has no role (%q); name a credentials file, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
			store.ErrDenied, short(err.Error()))
	}
	return v, nil
}

// keyFile reads keys from a file, again whenever another file stands there, so
// that a rotation needs no restart.
type keyFile struct {
	path    string
	profile string
	private bool // others must not be able to read it

	mu   sync.Mutex
	seen fileState
}

// fileState changes when a file is written to or replaced.
type fileState struct {
	inode       uint64
	size, mtime int64
}

func stateOf(info os.FileInfo) fileState {
	s := fileState{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = st.Ino
	}
	return s
}

// IsExpired is asked before each request. A file that is gone for a moment
// while it is replaced leaves the keys as they were.
func (f *keyFile) IsExpired() bool {
	info, err := os.Stat(f.path)
	if err != nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return stateOf(info) != f.seen
}

func (f *keyFile) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	k, err := f.read()
	if err != nil {
		return credentials.Value{}, fmt.Errorf("%w: credentials file %q: %w", store.ErrDenied, f.path, err)
	}
	return credentials.Value{AccessKeyID: k.id, SecretAccessKey: k.secret, SessionToken: k.token, SignerType: credentials.SignatureV4}, nil
}

// Retrieve is RetrieveWithCredContext without a context.
func (f *keyFile) Retrieve() (credentials.Value, error) { return f.RetrieveWithCredContext(nil) }

func (f *keyFile) read() (keys, error) {
	file, err := os.OpenFile(f.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		var perr *os.PathError
		if errors.As(err, &perr) {
			err = perr.Err
		}
		return keys{}, fmt.Errorf("%w; write it with [%s], aws_access_key_id and aws_secret_access_key", err, f.profile)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	switch {
	case err != nil:
		return keys{}, err
	case !info.Mode().IsRegular():
		return keys{}, errors.New("it is no regular file; name the file of the keys")
	case f.private && info.Mode().Perm()&0o077 != 0:
		return keys{}, fmt.Errorf("it can be read by others (mode %04o); run: chmod 600 %q", info.Mode().Perm(), f.path)
	}
	data, err := io.ReadAll(io.LimitReader(file, 1<<20))
	if err != nil {
		return keys{}, err
	}
	k, err := parseProfile(data, f.profile)
	if err != nil {
		return keys{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = stateOf(info)
	return k, nil
}

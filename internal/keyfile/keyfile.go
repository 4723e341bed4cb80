// Package keyfile reads private keys from files that nobody else may read.
package keyfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxKey is far more than a key in signed-note form takes, in bytes.
const maxKey = 16 << 10

// ErrOpen is wrapped when others than its owner may read a key file.
var ErrOpen = errors.New("others may read it")

// Read gives the lines of a key file without its last newline. A file that its
// group or others may read or write is refused: whoever could have read it can
// sign. An absent file wraps fs.ErrNotExist.
func Read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	fi, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !fi.Mode().IsRegular():
		return "", fmt.Errorf("key file %s: it is no regular file", path)
	case fi.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("key file %s: %w (mode %04o): chmod 600 it, and replace the key if somebody did", path, ErrOpen, fi.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKey+1))
	if err == nil && len(b) > maxKey {
		err = errors.New("it is too long for a key")
	}
	if err != nil {
		return "", fmt.Errorf("key file %s: %w", path, err)
	}
	return strings.TrimSpace(string(b)), nil
}

package dir

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/durable"
)

// Marker is the name of the file in the root of a store that says which one it
// is: one line of JSON, {"store":"<16 random bytes, hex>","v":1}.
const Marker = "custodock-store"

type marker struct {
	Store string `json:"store"`
	V     int    `json:"v"`
}

func (m marker) encode() []byte {
	b, _ := json.Marshal(m) // a string and a number cannot fail
	return append(b, '\n')
}

// parseMarker accepts exactly what encode writes.
func parseMarker(b []byte) (marker, error) {
	var m marker
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("malformed marker: %w", err)
	}
	id, err := hex.DecodeString(m.Store)
	if err != nil || len(id) != 16 || hex.EncodeToString(id) != m.Store {
		return m, errors.New("malformed marker: its id is not 16 bytes in lower-case hex")
	}
	if m.V != 1 {
		return m, fmt.Errorf("store format %d is not known here; use a newer custodock", m.V)
	}
	if !bytes.Equal(b, m.encode()) {
		return m, errors.New("malformed marker: it is not written as custodock writes it")
	}
	return m, nil
}

// IsStore reports whether path is the root of a store. Such a folder is never
// taken for a source of clips.
func IsStore(path string) bool {
	_, err := os.Lstat(filepath.Join(path, Marker))
	return err == nil
}

// IDOf is the id of the store in the directory path, "" when there is none or
// it cannot be read.
func IDOf(path string) string {
	root, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = root.Close() }()
	id, err := readMarker(root)
	if err != nil {
		return ""
	}
	return id
}

// identify reads the marker, or writes one where create allows it and the
// directory is as empty as a new disk.
func identify(root *os.File, create bool) (string, error) {
	id, err := readMarker(root)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	empty, err := isEmpty(root)
	if err != nil {
		return "", err
	}
	if !empty {
		return "", fmt.Errorf("%w: it is not empty and has no %s; choose another directory, or bring that file back if this is a store", ErrWrongDisk, Marker)
	}
	if !create {
		return "", fmt.Errorf("%w: it is empty; its disk is probably not mounted; mount it", ErrWrongDisk)
	}
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails: see crypto/rand.Read
	m := marker{Store: hex.EncodeToString(raw[:]), V: 1}
	err = durable.CreateFile(filepath.Join(root.Name(), Marker), m.encode(), 0o444)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", explain(err)
	}
	return readMarker(root) // another process may have been first
}

func readMarker(root *os.File) (string, error) {
	f, err := os.OpenFile(filepath.Join(root.Name(), Marker), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", err
	}
	m, err := parseMarker(b)
	return m.Store, err
}

// isEmpty overlooks what a formatter and an interrupted start leave, and the
// marker of another process that started just now.
func isEmpty(root *os.File) (bool, error) {
	entries, err := os.ReadDir(root.Name())
	for _, e := range entries {
		if !reserved(e.Name()) && !strings.HasPrefix(e.Name(), durable.TempPrefix) {
			return false, nil
		}
	}
	return err == nil, err
}

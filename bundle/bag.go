package bundle

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/custodock/custodock/clip"
)

// A package holds what nobody may read without a reason.
const (
	filePerm = 0o600
	dirPerm  = 0o700
)

// bag is a BagIt bag being written. Every file is synced when it is closed;
// finish syncs the folders.
type bag struct {
	dir     string
	payload map[string]clip.Digest
	tags    map[string]clip.Digest
	bytes   int64 // of the payload
	folders map[string]bool
}

func newBag(dir string) (*bag, error) {
	b := &bag{dir: dir, payload: map[string]clip.Digest{}, tags: map[string]clip.Digest{}, folders: map[string]bool{}}
	return b, b.mkdir(dir)
}

// mkdir makes a folder and its parents, and notes all of them for the sync.
func (b *bag) mkdir(path string) error {
	if b.folders[path] {
		return nil
	}
	if err := os.MkdirAll(path, dirPerm); err != nil {
		return err
	}
	for at := path; ; at = filepath.Dir(at) {
		b.folders[at] = true
		if at == b.dir {
			return nil
		}
	}
}

// write adds a tag file.
func (b *bag) write(name string, data []byte, perm os.FileMode) error {
	f, err := b.create(name, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	b.tags[name] = sha256.Sum256(data)
	return closed(f, err)
}

// copy adds a payload file and returns its digest.
func (b *bag) copy(ctx context.Context, name string, in io.Reader) (d clip.Digest, err error) {
	f, err := b.create(name, filePerm)
	if err != nil {
		return d, err
	}
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for err == nil {
		var n int
		if n, err = in.Read(buf); n > 0 {
			_, _ = h.Write(buf[:n])
			b.bytes += int64(n)
			if _, werr := f.Write(buf[:n]); werr != nil {
				err = werr
			}
		}
		if err == nil {
			err = ctx.Err()
		}
	}
	if err == io.EOF {
		err = nil
	}
	d = clip.Digest(h.Sum(nil))
	b.payload[name] = d
	return d, closed(f, err)
}

func (b *bag) create(name string, perm os.FileMode) (*os.File, error) {
	path := filepath.Join(b.dir, filepath.FromSlash(name))
	if err := b.mkdir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
}

func closed(f *os.File, err error) error {
	if err == nil {
		err = f.Sync()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return err
}

// finish writes what BagIt asks for (RFC 8493, section 2), the list of tag
// files last: without it the folder is no package.
func (b *bag) finish(info string) error {
	if err := b.write("bagit.txt", []byte("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"), filePerm); err != nil {
		return err
	}
	info += fmt.Sprintf("Payload-Oxum: %d.%d\n", b.bytes, len(b.payload))
	if err := b.write("bag-info.txt", []byte(info), filePerm); err != nil {
		return err
	}
	if err := b.write("manifest-sha256.txt", list(b.payload), filePerm); err != nil {
		return err
	}
	if err := b.write("tagmanifest-sha256.txt", list(b.tags), filePerm); err != nil {
		return err
	}
	for path := range b.folders {
		if err := syncDir(path); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(b.dir))
}

// list is what sha256sum prints for the files.
func list(files map[string]clip.Digest) []byte {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "%s  %s\n", files[name], name)
	}
	return []byte(text.String())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return closed(d, nil)
}

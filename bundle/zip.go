package bundle

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/verify"
)

// zipped is a package in a zip: one folder at the top, every file stored as it
// is, since recordings do not get smaller. The sizes follow the bytes, with 64
// bits where they need them (APPNOTE 4.3.9), so that nothing is read twice.
type zipped struct {
	path, top string
	at        time.Time
	out       *early
	w         *zip.Writer
	files     int
	finished  bool
}

func newZip(path string, at time.Time) (*zipped, error) {
	out, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".unfinished-")
	if err != nil {
		return nil, err
	}
	z := &zipped{path: path, at: at.UTC().Truncate(2 * time.Second), out: &early{File: out}}
	z.top = plainName(strings.TrimSuffix(filepath.Base(path), ".zip"))
	z.w = zip.NewWriter(z.out)
	return z, nil
}

func (z *zipped) local(string) string { return "" }

func (z *zipped) together() int { return 1 }

func (z *zipped) create(name string, perm os.FileMode, _ int64) (part, error) {
	if z.files++; z.files > verify.MaxZipFiles {
		return nil, fmt.Errorf("a zip of more than %d files: leave out --zip", verify.MaxZipFiles)
	}
	h := &zip.FileHeader{Name: z.top + "/" + name, Method: zip.Store, Modified: z.at}
	h.SetMode(perm)
	w, err := z.w.CreateHeader(h)
	return zipPart{w}, err
}

func (z *zipped) finish() error {
	err := z.w.Close()
	if err == nil {
		err = z.out.Sync()
	}
	if err2 := z.out.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = unix.Renameat2(unix.AT_FDCWD, z.out.Name(), unix.AT_FDCWD, z.path, unix.RENAME_NOREPLACE)
	}
	if errors.Is(err, unix.EINVAL) { // the file system cannot tell: nothing was there when it began
		err = os.Rename(z.out.Name(), z.path)
	}
	if err != nil {
		return err
	}
	z.finished = true
	return durable.SyncDir(filepath.Dir(z.path))
}

func (z *zipped) discard() {
	if !z.finished {
		_ = z.out.Close()
		_ = os.Remove(z.out.Name())
	}
}

// zipPart is a file of a zip; all of them are synced together.
type zipPart struct{ io.Writer }

func (zipPart) done(err error) error { return err }

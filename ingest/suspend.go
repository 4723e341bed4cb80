package ingest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/internal/durable"
)

// suspend closes a spool file that is to be written on, perhaps after a power
// cut: its first size bytes are durable when it returns, and it takes no room
// but theirs. After an error it must be discarded.
func (f *spoolFile) suspend(size int64) error {
	err := f.Truncate(size) // also what was claimed beyond
	if err == nil {
		err = f.Chmod(0o600) // it will be opened for writing again
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(f.Name()))
	}
	if err != nil {
		return spoolError(err)
	}
	return f.Close()
}

// reopen goes on with a suspended file of at bytes that will have size.
func (s *spool) reopen(name string, at, size int64) (*spoolFile, error) {
	if err := s.room(size - at); err != nil {
		return nil, err
	}
	s.mu.Lock()
	syncer := s.syncer
	s.mu.Unlock()
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, spoolError(err)
	}
	err = f.Truncate(at) // an earlier try may have come further and not have been kept
	if err == nil {
		_, err = f.Seek(at, io.SeekStart)
	}
	if err == nil && size-at >= claimFrom {
		if err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, at, size-at); errors.Is(err, unix.EOPNOTSUPP) {
			err = nil
		}
	}
	if err == nil {
		err = f.Chmod(0o444) // last: until then it can be opened again
	}
	if err != nil {
		_ = f.Close()
		return nil, spoolError(err)
	}
	return &spoolFile{File: f, syncer: syncer, written: at, asked: at}, nil
}

// begins reports whether in begins with the bytes of a suspended file, as far as
// its first, middle and last 64 KiB tell. The error is the camera's.
func (s *spool) begins(name string, in io.ReaderAt, size int64) (bool, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false, nil
	}
	defer func() { _ = f.Close() }()
	ours, theirs := make([]byte, sampleSize), make([]byte, sampleSize)
	for _, at := range samplesOf(size) {
		n := min(sampleSize, size-at)
		if _, err := f.ReadAt(ours[:n], at); err != nil {
			return false, nil // cut short, or unreadable
		}
		if _, err := in.ReadAt(theirs[:n], at); err != nil && !errors.Is(err, io.EOF) {
			return false, &hash.ReadError{Err: err}
		}
		if !bytes.Equal(ours[:n], theirs[:n]) {
			return false, nil
		}
	}
	return true, nil
}

// forget removes a suspended file that no row names.
func (s *spool) forget(name string) {
	if name != "" {
		_ = os.Remove(filepath.Join(s.dir, filepath.Base(name)))
	}
}

package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/internal/durable"
)

// ErrFull is wrapped when the dock's disk has no room left above the reserve.
var ErrFull = errors.New("the dock's disk is full")

const (
	claimFrom      = 1 << 20 // bytes; smaller files are written without claiming their blocks first
	writebackEvery = 2 << 20 // bytes after which the kernel is asked to start writing them out
	inodeReserve   = 512     // or an eighth of all, on small disks
)

// spool is the folder where clips stand under their digest until every store
// has them. A clip in it is only acknowledged after sync.
type spool struct {
	dir     string
	reserve atomic.Int64 // bytes never taken, so that the manifest can always be written
	reread  func() bool  // whether a store will read what is written; nil is yes

	mu     sync.Mutex
	held   map[clip.Digest]int // clips being committed under that digest
	syncer *durable.Syncer
	broken []*durable.Syncer // that failed; files written before may still ask them
}

// openSpool opens the folder and sweeps what an interrupted run left, but for the
// files that keep names.
func openSpool(dir string, reserve int64, keep map[string]bool) (*spool, error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := durable.SweepBut(dir, keep); err != nil {
		return nil, err
	}
	syncer, err := durable.NewSyncer(dir)
	if err != nil {
		return nil, err
	}
	s := &spool{dir: dir, held: map[clip.Digest]int{}, syncer: syncer}
	s.setReserve(reserve)
	return s, nil
}

func (s *spool) setReserve(bytes int64) { s.reserve.Store(bytes) }

func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{s.syncer.Close()}
	for _, b := range s.broken {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

func (s *spool) path(d clip.Digest) string { return filepath.Join(s.dir, d.String()) }

// reserveOn is the reserve that is in force on the disk of dir: what was asked
// for, but no more than an eighth of the disk, or a small one would take nothing.
func reserveOn(dir string, asked int64) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("measure the disk of %s: %w", dir, err)
	}
	return min(asked, int64(st.Blocks)*st.Bsize/8), nil
}

// room reports ErrFull when size more bytes would eat into the reserve.
func (s *spool) room(size int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return fmt.Errorf("measure free space of %s: %w", s.dir, err)
	}
	if whole := int64(st.Blocks) * st.Bsize; size > whole {
		return fmt.Errorf("it has %d MB, more than the dock's whole disk: copy it by other means", size>>20)
	}
	reserve := s.reserve.Load()
	if free := int64(st.Bavail) * st.Bsize; free < size+reserve {
		return fmt.Errorf("%w: %d MB free, %d MB needed and %d MB kept for the manifest; free space or wait for uploads",
			ErrFull, free>>20, size>>20, reserve>>20)
	}
	if st.Files > 0 && st.Ffree < min(inodeReserve, st.Files/8) {
		return fmt.Errorf("%w: no inodes left; remove small files or wait for uploads", ErrFull)
	}
	return nil
}

// spoolFile is a clip being written. Write asks for early write-out, so that
// the sync at the end finds little left to do.
type spoolFile struct {
	*os.File
	syncer         *durable.Syncer // open since before the first byte, so that no failure is missed
	written, asked int64

	cold    bool  // nobody reads it again: the page cache need not keep it
	dropped int64 // up to where it was told so
}

// create opens a temporary file with room for size bytes.
func (s *spool) create(size int64) (*spoolFile, error) {
	if err := s.room(size); err != nil {
		return nil, err
	}
	s.mu.Lock()
	syncer := s.syncer
	s.mu.Unlock()
	f, err := createFile(durable.TempName(s.dir))
	if err != nil {
		return nil, spoolError(err)
	}
	if size >= claimFrom {
		err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			_ = f.Close()
			_ = os.Remove(f.Name())
			return nil, spoolError(err)
		}
	}
	return &spoolFile{File: f, syncer: syncer, cold: size >= coolFrom && s.reread != nil && !s.reread()}, nil
}

// createFile is os.OpenFile without asking whether the file can be polled, which
// takes five calls of the kernel and no regular file can.
func createFile(name string) (*os.File, error) {
	for {
		fd, err := unix.Open(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o444)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case !errors.Is(err, unix.EINTR):
			return nil, &os.PathError{Op: "create", Path: name, Err: err}
		}
	}
}

func (f *spoolFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.written += int64(n)
	if err != nil {
		return n, spoolError(err)
	}
	if f.written-f.asked >= writebackEvery {
		// Only a hint; the sync before the commit is what counts.
		_ = unix.SyncFileRange(int(f.Fd()), f.asked, f.written-f.asked, unix.SYNC_FILE_RANGE_WRITE)
		f.drop()
		f.asked = f.written
	}
	return n, nil
}

// discard removes a temporary file that is not wanted any more.
func (f *spoolFile) discard() {
	_ = f.Close()
	_ = os.Remove(f.Name())
}

func spoolError(err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w: free space or wait for uploads", ErrFull)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("the spool is read-only: remount its disk read-write: %w", err)
	}
	return err
}

// hold keeps release from removing d's file while a clip with that digest is
// on its way to its commit; every hold is followed by one unhold.
func (s *spool) hold(d clip.Digest) {
	s.mu.Lock()
	s.held[d]++
	s.mu.Unlock()
}

func (s *spool) unhold(d clip.Digest) {
	s.mu.Lock()
	if s.held[d]--; s.held[d] == 0 {
		delete(s.held, d)
	}
	s.mu.Unlock()
}

// place gives a finished temporary file its digest as name. A file that has
// the name already holds the same bytes, or bytes that have rotted; it may be
// all that a recorded clip has, so what replaces it is durable first. The
// kernel decides which of the two it is: a look before the rename would leave
// room for another clip with the same bytes in between.
func (s *spool) place(f *spoolFile, d clip.Digest) error {
	name := f.Name()
	err := unix.Renameat2(unix.AT_FDCWD, name, unix.AT_FDCWD, s.path(d), unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EINVAL) { // taken, or the filesystem cannot tell
		if err := f.Sync(); err != nil {
			f.discard()
			return fmt.Errorf("%w: %w", errSync, err)
		}
		err = os.Rename(name, s.path(d))
	}
	if err != nil {
		f.discard()
		return spoolError(err)
	}
	return f.Close()
}

// sync returns when f, which was placed, survives a power cut. After a failure
// every file that was being written must be copied again: what the kernel did
// with its pages is unknown. The kernel tells an error once to each handle, so
// a file asks the one that was open before it; later files get a fresh one.
func (s *spool) sync(ctx context.Context, f *spoolFile) error {
	err := f.syncer.Sync(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.syncer == f.syncer {
		fresh, openErr := durable.NewSyncer(s.dir)
		if openErr != nil {
			return fmt.Errorf("%w: %w", errSync, openErr)
		}
		s.broken = append(s.broken, s.syncer)
		s.syncer = fresh
	}
	return fmt.Errorf("%w: %w", errSync, err)
}

// errSync marks clips that were not made durable and must be copied again.
var errSync = errors.New("write the spool to disk")

// setAside takes a file that has rotted out of the way of a good copy. It is
// kept for whoever wants to know what became of it.
func (s *spool) setAside(d clip.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[d] == 0 {
		_ = os.Rename(s.path(d), s.path(d)+".damaged")
	}
}

// release removes the files of digests, but those of clips that are being
// committed or that needed says somebody waits for.
func (s *spool) release(digests []clip.Digest, needed func([]clip.Digest) (map[clip.Digest]bool, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	digests = slices.DeleteFunc(slices.Clone(digests), func(d clip.Digest) bool { return s.held[d] > 0 })
	keep, err := needed(digests)
	if err != nil {
		return err
	}
	for _, d := range digests {
		if keep[d] {
			continue
		}
		if err := os.Remove(s.path(d)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

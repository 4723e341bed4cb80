package bundle

import (
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/durable"
)

// folderFiles is how many files of a folder are copied side by side: while one
// waits for the disk, or for its store, another is hashed.
const folderFiles = 2

// folder is a package in a folder.
type folder struct {
	path, temp string
	at         *os.File // temp, open since before the first byte, so that no failure is missed
	whole      bool     // one sync of the file system is as good as one of every file
	finished   bool

	mu   sync.Mutex
	made map[string]bool
}

func newFolder(path string) (*folder, error) {
	temp, err := os.MkdirTemp(filepath.Dir(path), filepath.Base(path)+".unfinished-")
	if err != nil {
		return nil, err
	}
	at, err := os.Open(temp)
	if err != nil {
		_ = os.Remove(temp)
		return nil, err
	}
	return &folder{path: path, temp: temp, at: at, whole: syncsWhole(at), made: map[string]bool{temp: true}}, nil
}

// syncsWhole reports whether syncfs(2) leaves everything on the disk, the disk's own
// cache flushed. Of a FAT stick it does not flush that, and a server's or a program's
// file system may not hear of it at all: there each file is synced.
func syncsWhole(dir *os.File) bool {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &st); err != nil {
		return false
	}
	return slices.Contains([]int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC}, int64(st.Type))
}

func (f *folder) local(name string) string { return filepath.Join(f.temp, filepath.FromSlash(name)) }

func (f *folder) together() int { return folderFiles }

func (f *folder) create(name string, perm os.FileMode, size int64) (part, error) {
	path := f.local(name)
	if err := f.mkdir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	p := &filePart{early: early{File: out}, sync: !f.whole}
	if err := p.claim(size); err != nil {
		return nil, p.done(err)
	}
	return p, nil
}

func (f *folder) mkdir(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.made[dir] {
		return nil
	}
	if err := os.MkdirAll(dir, dirPerm); err != nil {
		return err
	}
	for at := dir; !f.made[at]; at = filepath.Dir(at) {
		f.made[at] = true
	}
	return nil
}

func (f *folder) finish() error {
	if err := f.sync(); err != nil {
		return err
	}
	// An empty folder that has the name gives way; os.Rename would refuse it.
	if err := unix.Rename(f.temp, f.path); err != nil {
		return &os.LinkError{Op: "rename", Old: f.temp, New: f.path, Err: err}
	}
	f.finished = true
	return durable.SyncDir(filepath.Dir(f.path))
}

// sync makes all that was written durable, the names too.
func (f *folder) sync() error {
	if f.whole {
		return os.NewSyscallError("syncfs", unix.Syncfs(int(f.at.Fd())))
	}
	for dir := range f.made {
		if err := durable.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) discard() {
	_ = f.at.Close()
	if !f.finished {
		_ = os.RemoveAll(f.temp)
	}
}

// filePart is a file of a folder.
type filePart struct {
	early
	sync bool // by itself, when it ends
}

func (p *filePart) done(err error) error {
	if err == nil && p.sync {
		err = p.Sync()
	}
	if err2 := p.Close(); err == nil {
		err = err2
	}
	return err
}

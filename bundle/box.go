package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/durable"
)

// box is what the files of a package are put into: a folder or a zip. It stands
// beside its place under another name until finish has made it durable.
type box interface {
	// create begins a file; only one is open at a time.
	create(name string, perm os.FileMode) (part, error)
	// local is where a finished file lies on its own, "" where it does not.
	local(name string) string
	// finish gives the package its name. After an error there is none.
	finish() error
	// discard removes what was written; after finish it does nothing.
	discard()
}

// part is a file being written.
type part interface {
	io.Writer
	// done ends the file after err, its bytes durable where err is nil.
	done(err error) error
}

// place is where a package will stand.
func place(dir string, zipped bool) string {
	if zipped && !strings.HasSuffix(dir, ".zip") {
		return dir + ".zip"
	}
	return dir
}

// Place is the path of the package that Write makes for these options.
func (o Options) Place() string { return place(o.Dir, o.Zip) }

// Vacant refuses to mix a package with anything else, and names the reason.
func (o Options) Vacant() error {
	at := o.Place()
	info, err := os.Lstat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case o.Zip:
		return fmt.Errorf("%s is there already; name a new file", at)
	case !info.IsDir():
		return fmt.Errorf("%s is no folder; name a new one", at)
	}
	names, err := os.ReadDir(at)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("folder %s is not empty; name a new one", at)
	}
	var here, above unix.Stat_t
	if unix.Stat(at, &here) == nil && unix.Stat(filepath.Dir(at), &above) == nil && here.Dev != above.Dev {
		return fmt.Errorf("%s is a disk of its own; name a new folder on it", at)
	}
	return nil
}

// openBox begins a package; at is the time that its files get where a format
// asks for one.
func (o Options) openBox(at time.Time) (box, error) {
	path := o.Place()
	if err := durable.MkdirAll(filepath.Dir(path), dirPerm); err != nil {
		return nil, err
	}
	if o.Zip {
		return newZip(path, at)
	}
	return newFolder(path)
}

// folder is a package in a folder.
type folder struct {
	path, temp string
	made       map[string]bool
	finished   bool
}

func newFolder(path string) (*folder, error) {
	temp, err := os.MkdirTemp(filepath.Dir(path), filepath.Base(path)+".unfinished-")
	if err != nil {
		return nil, err
	}
	return &folder{path: path, temp: temp, made: map[string]bool{temp: true}}, nil
}

func (f *folder) local(name string) string { return filepath.Join(f.temp, filepath.FromSlash(name)) }

func (f *folder) create(name string, perm os.FileMode) (part, error) {
	path := f.local(name)
	if dir := filepath.Dir(path); !f.made[dir] {
		if err := os.MkdirAll(dir, dirPerm); err != nil {
			return nil, err
		}
		for at := dir; !f.made[at]; at = filepath.Dir(at) {
			f.made[at] = true
		}
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	return &filePart{early{File: out}}, nil
}

func (f *folder) finish() error {
	for dir := range f.made {
		if err := durable.SyncDir(dir); err != nil {
			return err
		}
	}
	// An empty folder that has the name gives way; os.Rename would refuse it.
	if err := unix.Rename(f.temp, f.path); err != nil {
		return &os.LinkError{Op: "rename", Old: f.temp, New: f.path, Err: err}
	}
	f.finished = true
	return durable.SyncDir(filepath.Dir(f.path))
}

func (f *folder) discard() {
	if !f.finished {
		_ = os.RemoveAll(f.temp)
	}
}

// filePart is a file of a folder.
type filePart struct{ early }

func (p *filePart) done(err error) error {
	if err == nil {
		err = p.Sync()
	}
	if err2 := p.Close(); err == nil {
		err = err2
	}
	return err
}

// earlyEvery is the number of bytes after which the kernel is asked to write.
const earlyEvery = 8 << 20

// early is a file whose bytes go to the disk while more come, so that the sync
// at its end finds little left to do.
type early struct {
	*os.File
	written, asked int64
}

// Write implements io.Writer.
func (e *early) Write(p []byte) (int, error) {
	n, err := e.File.Write(p)
	e.written += int64(n)
	if e.written-e.asked >= earlyEvery {
		// Only a hint; the sync is what counts.
		_ = unix.SyncFileRange(int(e.Fd()), e.asked, e.written-e.asked, unix.SYNC_FILE_RANGE_WRITE)
		e.asked = e.written
	}
	return n, err
}

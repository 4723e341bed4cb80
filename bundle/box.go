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
	// create begins a file that will have about size bytes, 0 where nobody knows.
	create(name string, perm os.FileMode, size int64) (part, error)
	// together is how many files may be open at a time, from as many goroutines.
	together() int
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
	// done ends the file after err; finish makes its bytes durable.
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

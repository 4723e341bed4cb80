package bundle

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// earlyEvery is the number of bytes after which the kernel is asked to write: few
// enough that they are in the processor's cache still.
const earlyEvery = 2 << 20

// early is a file whose bytes go to the disk while more come, so that the sync
// at its end finds little left to do. Nobody reads a package as soon as it is
// written, so the page cache need not keep it, and gives its pages to what follows.
type early struct {
	*os.File
	written, asked, dropped int64
}

// claim finds room for the whole file at once, where the file system can.
func (e *early) claim(size int64) error {
	if size <= earlyEvery {
		return nil
	}
	err := unix.Fallocate(int(e.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG) {
		return &os.PathError{Op: "claim room for", Path: e.Name(), Err: err}
	}
	return nil // what only some file systems have is no condition
}

// Write implements io.Writer.
func (e *early) Write(p []byte) (int, error) {
	n, err := e.File.Write(p)
	e.written += int64(n)
	if e.written-e.asked >= earlyEvery {
		// Only hints; the sync is what counts.
		_ = unix.SyncFileRange(int(e.Fd()), e.asked, e.written-e.asked, unix.SYNC_FILE_RANGE_WRITE)
		e.drop()
		e.asked = e.written
	}
	return n, err
}

// drop has the page cache let go of what is on the disk by now, without waiting.
func (e *early) drop() {
	if e.asked > e.dropped {
		_ = unix.Fadvise(int(e.Fd()), e.dropped, e.asked-e.dropped, unix.FADV_DONTNEED)
		e.dropped = e.asked - earlyEvery // what was not on the disk yet is told once more
	}
}

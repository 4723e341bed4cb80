package ingest

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/clip"
)

// coolFrom is the size in bytes from which the page cache is told to let go of
// what nobody reads again soon; less is not worth the calls.
const coolFrom = 4 << 20

// cool takes a clip that every store has out of the page cache, so that those
// which still wait for theirs stay in it. Until then it is kept warm: uploads
// read what was just written.
func (s *Station) cool(d clip.Digest, size int64) {
	if size < coolFrom {
		return
	}
	if needed, err := s.spoolNeeded([]clip.Digest{d}); needed[d] || err != nil {
		return
	}
	s.spool.cool(d)
}

// rereads reports whether any store will read what the spool is given: one on the
// spool's own file system links it.
func (s *Station) rereads() bool {
	for _, c := range s.centrals() {
		if path, local := localPath(c.cfg.URL); !local || !sameDisk(s.state, path) {
			return true
		}
	}
	return false
}

// drop has the page cache let go of what the disk has by now, without waiting for
// it. The beginning stays, where the facts of the media mostly are.
func (f *spoolFile) drop() {
	if from := max(f.dropped, writebackEvery); f.cold && f.asked > from {
		_ = unix.Fadvise(int(f.Fd()), from, f.asked-from, unix.FADV_DONTNEED)
		f.dropped = f.asked - writebackEvery // what was not on the disk yet is told once more
	}
}

// cool is a hint to the kernel; what it does with it is its own affair.
func (s *spool) cool(d clip.Digest) {
	f, err := os.Open(s.path(d))
	if err != nil {
		return // gone already
	}
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	_ = f.Close()
}

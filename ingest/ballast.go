package ingest

import (
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// ballast is a file that takes up room on the state's disk. When a commit finds
// the disk full, it is thrown off so that the commit, and the words that say
// what happened, still fit. Intake stops long before, at the reserve.
type ballast struct {
	mu   sync.Mutex
	path string
	held bool
}

const ballastMost = 8 << 20

func openBallast(state string, reserve int64) *ballast {
	b := &ballast{path: filepath.Join(state, "ballast")}
	f, err := os.OpenFile(b.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return b
	}
	defer func() { _ = f.Close() }()
	b.held = unix.Fallocate(int(f.Fd()), 0, 0, max(4096, min(ballastMost, reserve/4))) == nil
	return b
}

// release frees the room once and reports whether it did.
func (b *ballast) release() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held {
		return false
	}
	b.held = false
	return os.Truncate(b.path, 0) == nil
}

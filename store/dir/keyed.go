package dir

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// keyed is one lock a key. The zero value is ready.
type keyed struct {
	mu    sync.Mutex
	slots map[string]*slot
}

type slot struct {
	held chan struct{} // full while locked
	refs int
}

// lock waits until nobody holds key or ctx ends.
func (k *keyed) lock(ctx context.Context, key string) (unlock func(), err error) {
	k.mu.Lock()
	if k.slots == nil {
		k.slots = map[string]*slot{}
	}
	s := k.slots[key]
	if s == nil {
		s = &slot{held: make(chan struct{}, 1)}
		k.slots[key] = s
	}
	s.refs++
	k.mu.Unlock()
	leave := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if s.refs--; s.refs == 0 {
			delete(k.slots, key)
		}
	}
	select {
	case s.held <- struct{}{}:
		return func() { <-s.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// lockRetry is how long a writer waits before it asks again for a lock that
// another process holds; that one syncs a file meanwhile.
const lockRetry = 5 * time.Millisecond

// lockDir takes the lock that the writers of all processes share for the names
// in one directory. Closing the file releases it.
func lockDir(ctx context.Context, dir *os.File) (*os.File, error) {
	name := dir.Name() + "/" + lockName
	fd, err := unix.Openat(int(dir.Fd()), lockName, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	for {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = f.Close()
			return nil, &os.PathError{Op: "lock", Path: name, Err: err}
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-time.After(lockRetry):
		}
	}
}

// lockName is hidden from List, as every name that starts with a dot.
const lockName = ".lock"

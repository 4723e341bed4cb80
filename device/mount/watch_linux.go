package mount

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Change is the difference between two readings of the mount table.
type Change struct {
	Added, Removed []Mount
}

// Watch calls fn with all mounts in the table at path, then with each change,
// until ctx ends or fn returns an error, which it returns. The kernel folds
// several changes into one wake-up, so the whole table is compared each time. A
// file system that is unmounted and mounted again between two readings may show
// as no change: events are hints.
func Watch(ctx context.Context, path string, fn func(Change) error) error {
	// Not os.Open: it would give the file to the runtime's own poller, and the
	// kernel tells each change once per open file, to whoever polls first.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("watch mounts: open %s: %w", path, err)
	}
	table := os.NewFile(uintptr(fd), path)
	defer func() { _ = table.Close() }()
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("watch mounts: %w", err)
	}
	defer func() { _ = unix.Close(wake) }()
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_, _ = unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // cannot block: it is written once
	})
	defer func() {
		if !stop() {
			<-ended // wake must not be closed under the write
		}
	}()

	var last []Mount
	for ctx.Err() == nil {
		now, err := read(table)
		if err != nil {
			return fmt.Errorf("watch mounts: %w", err)
		}
		if c := compare(last, now); last == nil || len(c.Added)+len(c.Removed) > 0 {
			if err := fn(c); err != nil {
				return err
			}
		}
		last = now
		if err := await(fd, wake); err != nil {
			return fmt.Errorf("watch mounts: %w", err)
		}
	}
	return ctx.Err()
}

// read uses one open file throughout: the kernel remembers per open file which
// changes it has told, so none between reading and waiting is lost.
func read(table *os.File) ([]Mount, error) {
	if _, err := table.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	mounts, err := Parse(table)
	if mounts == nil {
		mounts = []Mount{}
	}
	return mounts, err
}

// await returns when the table changed or wake was written.
func await(table, wake int) error {
	fds := []unix.PollFd{
		{Fd: int32(table), Events: unix.POLLPRI},
		{Fd: int32(wake), Events: unix.POLLIN},
	}
	for {
		_, err := unix.Poll(fds, -1)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// compare goes by mount id, and sees that an id was given to another mount.
// Changed options, such as a remount read-only, are no change of mounts.
func compare(old, now []Mount) Change {
	return Change{Added: missing(now, old), Removed: missing(old, now)}
}

// missing returns the mounts of a that b has not.
func missing(a, b []Mount) []Mount {
	have := make(map[int]Mount, len(b))
	for _, m := range b {
		have[m.ID] = m
	}
	var out []Mount
	for _, m := range a {
		if o, ok := have[m.ID]; !ok || !same(m, o) {
			out = append(out, m)
		}
	}
	return slices.Clip(out)
}

func same(a, b Mount) bool {
	return a.DevID == b.DevID && a.Root == b.Root && a.Point == b.Point && a.FSType == b.FSType && a.Source == b.Source
}

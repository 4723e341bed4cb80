package mounter

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/device"
)

// childEnv turns the test binary into the daemon: a process of another user
// that mounts, looks, and waits for its standard input to end.
const childEnv = "MOUNTER_TEST_CHILD"

// serverEnv turns it into the helper, until its standard input ends.
const serverEnv = "MOUNTER_TEST_SERVER"

func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		if err := child(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if job := os.Getenv(serverEnv); job != "" {
		if err := bareServer(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// sight is what the daemon's user sees of a volume.
type sight struct {
	Err         string
	Refused     bool
	Files       map[string]string // path to content, or to why it cannot be read
	Skipped     map[string]string
	Flags       int64
	Write, Exec string
	Notes       []string
}

func child(job string) error {
	var ask struct{ Socket, Dev string }
	if err := json.Unmarshal([]byte(job), &ask); err != nil {
		return err
	}
	s, end := look(context.Background(), ask.Socket, ask.Dev)
	defer end()
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func look(ctx context.Context, socket, dev string) (s sight, end func()) {
	c, err := Dial(ctx, socket)
	if err != nil {
		return sight{Err: err.Error()}, func() {}
	}
	m, err := c.Mount(ctx, dev)
	if err != nil {
		return sight{Err: err.Error(), Refused: isRefusal(err)}, func() { _ = c.Close() }
	}
	s = sight{Files: map[string]string{}, Skipped: map[string]string{}, Notes: m.Notes}
	if err := s.fill(ctx, m); err != nil {
		s.Err = err.Error()
	}
	return s, func() { _ = m.Close() }
}

func (s *sight) fill(ctx context.Context, m *Mounted) error {
	folder, err := device.FromFile(m.Dir, "camera")
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	scan, err := folder.Scan(ctx, func(f device.File) error {
		s.Files[f.Path] = content(folder, f.Path)
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range scan.Skipped {
		s.Skipped[k.Path] = k.Reason
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(m.Dir.Fd()), &fs); err != nil {
		return err
	}
	s.Flags = fs.Flags
	_, err = unix.Openat(int(m.Dir.Fd()), "new", unix.O_CREAT|unix.O_WRONLY, 0o600)
	s.Write = fmt.Sprint(err)
	s.Exec = fmt.Sprint(unix.Faccessat(int(m.Dir.Fd()), "suid", unix.X_OK, 0))
	return folder.Alive(ctx)
}

func content(folder *device.Folder, path string) string {
	f, err := folder.Open(path)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, 100))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

package ingest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// HeldError says which process writes the state already.
type HeldError struct {
	State   string
	PID     int
	Command string
}

func (e *HeldError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d (%s)", e.PID, e.Command)
	}
	return fmt.Sprintf("open state %s: %s is using it: wait for it or stop it", e.State, who)
}

// lockState makes this process the only writer of the folder until the file is
// closed. The kernel drops the lock with the process, however it ends.
func lockState(state string) (*os.File, error) {
	path := filepath.Join(state, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, stateError(state, err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		held := holder(state, f)
		_ = f.Close()
		return nil, held
	}
	if err == nil {
		err = signLock(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, stateError(state, err)
	}
	return f, nil
}

// signLock leaves pid and command for whoever is refused.
func signLock(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	command := filepath.Base(os.Args[0])
	for _, arg := range os.Args[1:] {
		if !strings.HasPrefix(arg, "-") && !strings.Contains(arg, "/") {
			command += " " + arg
			break
		}
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d %q\n", os.Getpid(), command), 0)
	return err
}

func holder(state string, f *os.File) *HeldError {
	held := &HeldError{State: state}
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return held
	}
	pid, command, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	if n, err := strconv.Atoi(pid); err == nil {
		held.PID = n
		held.Command, _ = strconv.Unquote(command)
	}
	return held
}

func stateError(state string, err error) error {
	switch {
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("open state %s: its disk is read-only: remount it read-write and check the disk: %w", state, err)
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("open state %s: %w: free space on its disk", state, ErrFull)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("open state %s: %w: run as the user that owns it, or name another with --state", state, err)
	}
	return fmt.Errorf("open state %s: %w", state, err)
}

package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/testbench"
)

func TestMain(m *testing.M) { testbench.Main(m) }

func shell(script string, args ...string) []string {
	return append([]string{"/bin/sh", "-c", script}, args...)
}

// TestPlain: the program finds the environment it was given, no input, no
// descriptor of the dock and a group of its own.
func TestPlain(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not for the program")
	in, err := unix.Open("/", unix.O_RDONLY, 0) // without O_CLOEXEC, as a careless library would
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(in) }()
	var out, said Head
	out.Most, said.Most = 4096, 4096
	err = Run(context.Background(), Command{
		Args: shell(`tr '\0' '\n' <"/proc/$$/environ"; pwd; cat; ls -m /proc/$$/fd; echo "group $(ps -o pgid= -p $$ | tr -d ' ') $$"; echo no >&2`),
		Env:  []string{"PATH=/usr/bin:/bin", "A=b"}, Output: &out, Errors: &said, Timeout: time.Minute,
	})
	if err != nil || string(said.Text) != "no\n" {
		t.Fatalf("%v, it says %q", err, said.Text)
	}
	lines := strings.Split(strings.TrimSpace(string(out.Text)), "\n")
	if !slices.Equal(lines[:3], []string{"PATH=/usr/bin:/bin", "A=b", "/"}) {
		t.Errorf("it found %q", lines)
	}
	if lines[3] != "0, 1, 2" {
		t.Errorf("it was handed descriptors %s", lines[3])
	}
	var group, pid int
	if _, err := fmt.Sscanf(lines[4], "group %d %d", &group, &pid); err != nil || group != pid {
		t.Errorf("group %d of process %d, %v", group, pid, err)
	}
}

func TestNoEnvironmentIsNone(t *testing.T) {
	out := Head{Most: 4096}
	err := Run(context.Background(), Command{Args: []string{"/usr/bin/env"}, Output: &out, Timeout: time.Minute})
	if err != nil || len(out.Text) > 0 {
		t.Errorf("it found %q, %v", out.Text, err)
	}
}

// TestTimeout: a program that hangs is killed with its child, and one whose
// time has come was not killed before.
func TestTimeout(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	due := make(chan time.Time)
	ended := make(chan error, 1)
	go func() {
		ended <- Run(context.Background(), Command{
			Args: shell(`exec >"$0"; (echo up; exec sleep 100000) & wait`, fifo), Timeout: time.Second,
			After: func(time.Duration) <-chan time.Time { return due },
		})
	}()
	if _, err := io.ReadFull(held, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(fifo, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		t.Fatalf("it ended too early: %v", err)
	default:
	}
	due <- time.Time{}
	if err := <-ended; !errors.Is(err, ErrTimeout) {
		t.Errorf("it ended with %v", err)
	}
	if b, err := io.ReadAll(reader); err != nil || len(b) > 0 {
		t.Errorf("its child lives: %q, %v", b, err)
	}
}

func TestBounded(t *testing.T) {
	out := Head{Most: 10}
	err := Run(context.Background(), Command{Args: shell("head -c 1000000 /dev/zero"), Output: &out, Timeout: time.Minute})
	if err != nil || len(out.Text) != 10 {
		t.Errorf("%d bytes kept, %v", len(out.Text), err)
	}
}

func TestEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	gone := errors.New("gone")
	cancel(gone)
	if err := Run(ctx, Command{Args: shell("sleep 100000"), Timeout: time.Minute}); !errors.Is(err, gone) {
		t.Errorf("after the end of the context: %v", err)
	}
	if err := Run(context.Background(), Command{Args: shell("exit 3"), Timeout: time.Minute}); err == nil || err.Error() != "exit status 3" {
		t.Errorf("exit 3: %v", err)
	}
	absent := filepath.Join(t.TempDir(), "absent")
	if err := Run(context.Background(), Command{Args: []string{absent}, Timeout: time.Minute}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
}

package bundle

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A print goes into memory where there is room, else to the place of all temporary files.
func TestPrintDir(t *testing.T) {
	in := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	for name, test := range map[string]struct {
		memory string
		room   uint64
		want   string
	}{
		"room":    {in, 1, in},
		"no room": {in, math.MaxUint64, os.TempDir()},
		"absent":  {filepath.Join(in, "absent"), 1, os.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := printDir(test.memory, test.room)
			if err != nil || filepath.Dir(dir) != test.want {
				t.Errorf("%s, %v; not in %s", dir, err, test.want)
			}
		})
	}
}

// However a Chromium ends, nothing of what it wrote is left, least of all in memory.
func TestPrintLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	place, err := printDir(memory, printRoom)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(place); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ then, want string }{
		"prints":  {then: `printf '%%PDF-1.7 ' >"$HOME/certificate.pdf"`},
		"fails":   {then: "exit 1", want: "exit status 1"},
		"crashes": {then: "kill -SEGV $$", want: "segmentation fault"},
		"hangs":   {then: "exec sleep 100000", want: context.Canceled.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			fifo, program := filepath.Join(t.TempDir(), "fifo"), filepath.Join(t.TempDir(), "chromium")
			if err := unix.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			script := "#!/bin/sh\nmkdir \"$HOME/profile\"\necho >\"$HOME/profile/History\"\nprintf %s \"$HOME\" >" + fifo + "\n" + test.then + "\n"
			if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				_, err := (&writer{Options: Options{Chromium: program}}).print(ctx, []byte("<p>certificate"))
				ended <- err
			}()
			dir, err := os.ReadFile(fifo)
			if err != nil {
				t.Fatal(err)
			}
			if name == "hangs" {
				cancel()
			}
			if err := <-ended; test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, not %q", err, test.want)
			}
			if filepath.Dir(string(dir)) != filepath.Dir(place) {
				t.Errorf("it was in %s, not beside %s", dir, place)
			}
			if _, err := os.Stat(string(dir)); !os.IsNotExist(err) {
				t.Errorf("%s is left: %v", dir, err)
			}
		})
	}
}

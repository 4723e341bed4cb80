package bundle

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
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

// What Debian has prints what it is given, and asks nobody for anything, whatever stands
// in it. A certificate has less: its policy lets no script run.
func TestPrintersPrint(t *testing.T) {
	for _, name := range []string{"chromium-headless-shell", "chromium"} {
		t.Run(name, func(t *testing.T) {
			program, err := exec.LookPath(name)
			if err != nil {
				t.Fatalf("%v: run tools/need.sh test", err)
			}
			var asked atomic.Int32
			web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
			defer web.Close()
			page := fmt.Sprintf(`<!DOCTYPE html><p>certificate 证书<img src="%[1]s/img"><iframe src="%[1]s/frame"></iframe><script>fetch("%[1]s/script")</script>`, web.URL)
			pdf, err := (&writer{Options: Options{Chromium: program}}).print(context.Background(), []byte(page))
			if err != nil || !bytes.Contains(pdf, []byte("%%EOF")) {
				t.Errorf("%d bytes are no print: %v", len(pdf), err)
			}
			if n := asked.Load(); n > 0 {
				t.Errorf("it asked a server %d times", n)
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
			lines, err := os.OpenFile(fifo, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = lines.Close() }()
			script := "#!/bin/sh\nmkdir \"$HOME/profile\"\necho >\"$HOME/profile/History\"\necho \"$HOME\" >" + fifo + "\n" + test.then + "\n"
			if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				_, err := (&writer{Options: Options{Chromium: program}}).print(ctx, []byte("<p>certificate"))
				_, _ = lines.WriteString("\n") // for a script that said nothing
				ended <- err
			}()
			dir, err := bufio.NewReader(lines).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			dir = strings.TrimSuffix(dir, "\n")
			if name == "hangs" {
				cancel()
			}
			if err := <-ended; test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, not %q", err, test.want)
			}
			if filepath.Dir(dir) != filepath.Dir(place) {
				t.Errorf("it was in %s, not beside %s", dir, place)
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("%s is left: %v", dir, err)
			}
		})
	}
}

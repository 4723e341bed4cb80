package usb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

// mtpPrograms are the reader of MTP cameras and the libraries that it needs,
// by their names in the machine.
func mtpPrograms(t *testing.T) map[string]string {
	t.Helper()
	root, err := testbench.Root()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "mtp")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-tags", "netgo,osusergo", "-o", path, "./internal/testbench/usb/mtp")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build mtp: %v: %s", err, out)
	}
	programs := map[string]string{"mtp": path}
	out, err := exec.CommandContext(t.Context(), "ldd", path).Output()
	if err != nil {
		t.Fatalf("ldd: %v", err)
	}
	for line := range bytes.Lines(out) {
		// "name => path (address)", or the loader's own path alone.
		for _, word := range strings.Fields(string(line)) {
			if strings.HasPrefix(word, "/") {
				programs[filepath.Base(word)] = word
			}
		}
	}
	return programs
}

// mtp is the command line of the reader: libraries lie beside it.
func mtp(args ...string) []string {
	return append([]string{"/bin/ld-linux-x86-64.so.2", "--library-path", "/bin", "/bin/mtp"}, args...)
}

// mtpRead: a camera that speaks MTP is listed and read with the right digests,
// and is gone when it is pulled out in mid-read.
func mtpRead(t *testing.T, image *qemu.Image) {
	m := image.Boot(t)
	dir, files := camera(t, 3, 1<<20+77, 40)
	id := m.MTP(dir, "MTP1", "1")
	m.Await("the camera is there", func() bool {
		return strings.TrimSpace(m.Run("cat", "/sys/bus/usb/devices/1-1/serial").Stdout) == "MTP1"
	})

	want := map[string]string{}
	for _, f := range files {
		name, err := filepath.Rel(dir, f.Path)
		if err != nil {
			t.Fatal(err)
		}
		want[name] = fmt.Sprint(f.SHA256)
	}
	digestsOf(t, m.Must(mtp("read", "MTP1")...), want)
	out := m.Must(mtp("rough", "MTP1")...)
	if !strings.Contains(out, `"ClearHalt":"\u003cnil\u003e"`) || !strings.Contains(out, `"Rough":true`) {
		t.Errorf("left in the middle: %s", out)
	}
	digestsOf(t, out, want)

	job := m.Start(mtp("again", "MTP1")...)
	job.Await(`"reading"`)
	m.Unplug(id)
	r := job.Wait()
	t.Log(r.Stdout)
	if r.Code != 0 || !strings.Contains(r.Stdout, `"Gone":true`) || !strings.Contains(r.Stdout, `"Alive":false`) {
		t.Errorf("ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// digestsOf compares what the reader printed with what the camera has.
func digestsOf(t *testing.T, out string, want map[string]string) {
	t.Helper()
	t.Log(out)
	got := 0
	for line := range strings.Lines(out) {
		var f struct {
			Path, SHA256 string
			Size         int64
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil || f.SHA256 == "" {
			continue
		}
		got++
		if want[f.Path] != f.SHA256 || f.Size != 1<<20+77 {
			t.Errorf("%s: %d bytes, %s, want %s", f.Path, f.Size, f.SHA256, want[f.Path])
		}
	}
	if got != len(want) {
		t.Errorf("%d files, want %d", got, len(want))
	}
}

package journey

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/testbench"
)

// staysBeneath is P9: a folder of the camera that becomes a link to the
// outside while clips are copied leads nowhere.
func staysBeneath(t testing.TB, bin string) error {
	dir, _ := camera(t, 2, 50_000, 1)
	inner, err := testbench.MakeClips(filepath.Join(dir, "Z"), 1, 50_000, 2)
	if err != nil {
		return err
	}
	outside := t.TempDir()
	secret := []byte("what is none of the camera's business")
	if err := os.WriteFile(filepath.Join(outside, inner[0].Name), secret, 0o600); err != nil {
		return err
	}
	var hangs []testbench.Fault
	cam := testbench.Camera(t, dir)
	for _, name := range glob(t, dir, "*.mp4") {
		hangs = append(hangs, testbench.Fault{Path: filepath.Base(name), Kind: testbench.Hang, At: 100})
	}
	cam.Inject(hangs...)
	d := newDock(t, bin, t.TempDir())
	p := d.cmd("ingest", "--json", cam.Mountpoint).Start(t)
	cam.Await(testbench.Hang, 2) // the listing is over, both readers are busy
	rename(t, filepath.Join(dir, "Z"), filepath.Join(t.TempDir(), "Z"))
	if err := os.Symlink(outside, filepath.Join(dir, "Z")); err != nil {
		return err
	}
	cam.Heal()
	r := p.WaitFor(testbench.Patience)
	sum := sha256.Sum256(secret)
	if strings.Contains(r.Stdout, hex.EncodeToString(sum[:])) {
		return fmt.Errorf("a file outside of the camera was taken: %s", r.Stdout)
	}
	out, err := hear(r.Stdout)
	if err != nil || out.summary == nil || out.summary.Stored != 2 || out.summary.Failed != 1 || r.Code != 3 {
		return fmt.Errorf("exit %d, %v: %s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	return nil
}

func glob(t testing.TB, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// hostileCamera is a folder with every bad name there is, each a small clip.
func hostileCamera(t testing.TB) (string, []testbench.File) {
	t.Helper()
	dir := t.TempDir()
	names := testbench.HostileNames()
	for _, name := range testbench.HostileNames() {
		if len(name) < 200 {
			names = append(names, name+"/inner "+name)
		}
	}
	var deep []string
	for range 1000 {
		deep = append(deep, "d")
	}
	names = append(names, strings.Join(append(deep, "deep.mp4"), "/"))
	var files []testbench.File
	for i, name := range names {
		folder := filepath.Dir(name)
		if folder != "." {
			folder = "folder " + folder
		}
		path := filepath.Join(dir, folder, filepath.Base(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		text := fmt.Appendf(nil, "clip %d", i)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		files = append(files, testbench.File{Name: name, Path: path, Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:])})
	}
	return dir, files
}

// printsSafely is P10: nothing a camera calls its files reaches a terminal or
// a line of JSON as it is, and each of them is taken all the same.
func printsSafely(t testing.TB, bin string) error {
	dir, files := hostileCamera(t)
	var errs []error
	for _, mode := range [][]string{{"--json"}, {"-v"}, {"--lang", "zh"}} {
		d := newDock(t, bin, t.TempDir())
		r := d.run(append([]string{"ingest", dir}, mode...)...)
		if r.Code != 0 {
			return fmt.Errorf("ingest %v ended with %d: %q%q", mode, r.Code, r.Stdout, r.Stderr)
		}
		errs = append(errs, plain("ingest", mode, r))
		for _, args := range [][]string{{"clips"}, {"status"}, {"verify", "--all"}, {"device", "list"}} {
			r := d.run(append(args, mode...)...)
			if r.Code != 0 {
				errs = append(errs, fmt.Errorf("%v %v ended with %d: %q", args, mode, r.Code, r.Stderr))
			}
			errs = append(errs, plain(args[0], mode, r))
		}
		p, err := read(d.archive())
		if err != nil {
			return err
		}
		_, names, err := p.acquisitions()
		if err != nil {
			return err
		}
		for _, clip := range names[:min(8, len(names))] {
			errs = append(errs, plain("show", mode, d.run(append([]string{"show", clip}, mode...)...)))
		}
		errs = append(errs, d.once(files...))
	}
	return errors.Join(errs...)
}

// plain wants text in which every character prints as itself.
func plain(what string, mode []string, r testbench.Result) error {
	for _, text := range []string{r.Stdout, r.Stderr} {
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if !utf8.ValidString(line) {
				return fmt.Errorf("%s %v printed %q, which is not UTF-8", what, mode, line)
			}
			if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) && r != '\u3000' }); i >= 0 {
				return fmt.Errorf("%s %v printed %q", what, mode, line)
			}
		}
	}
	return nil
}

// TestBadInputs: what is no plain file of the camera is left alone and said to
// be, and a file too large for the dock fails alone.
func TestBadInputs(t *testing.T) {
	dir, files := camera(t, 1, 1000, 1)
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret.mp4")
	if err := os.WriteFile(secret, bytes.Repeat([]byte("secret"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	steps := []error{
		os.Symlink(secret, at("out.mp4")),
		os.Symlink("../"+filepath.Base(outside)+"/secret.mp4", at("up.mp4")),
		os.Symlink(outside+"/", at("slash.mp4")),
		os.Symlink(outside, at("DCIM")),
		os.Symlink(".", at("loop")),
		os.Symlink("/proc/self/fd", at("magic")),
		unix.Mkfifo(at("fifo.mp4"), 0o600),
		unix.Mknod(at("null.mp4"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))),
		unix.Mknod(at("socket.mp4"), unix.S_IFSOCK|0o600, 0),
		os.Link(secret, at("hard.mp4")),
		os.Mkdir(at("mounted"), 0o700),
		unix.Mount(outside, at("mounted"), "", unix.MS_BIND, ""),
		os.WriteFile(at("large.mp4"), nil, 0o600),
		os.Truncate(at("large.mp4"), 16<<40-4096),
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at("mounted"), 0); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	d := newDock(t, testbench.Build(t), t.TempDir())
	r := d.run("ingest", "--json", "--wait", "2s", dir)
	out, err := hear(r.Stdout)
	if err != nil || out.summary == nil || r.Code != 3 {
		t.Fatalf("exit %d, %v: %s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	if s := *out.summary; s.Files != 2 || s.Stored != 1 || s.Failed != 1 || s.Skipped != 11 {
		t.Errorf("%+v", s)
	}
	for _, f := range out.files {
		if f.Path == "large.mp4" && !strings.Contains(f.Error, "disk") {
			t.Errorf("%+v", f)
		}
	}
	if err := all(func() error { return d.once(files...) }, d.verified); err != nil {
		t.Error(err)
	}
}

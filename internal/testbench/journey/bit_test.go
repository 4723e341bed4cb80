package journey

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

// findsBit is P8: one changed bit in spool, log, record or object is found by
// verify, which names the clip, else the file.
func findsBit(t testing.TB, bin string) error {
	d := newDock(t, bin, t.TempDir())
	d.store = filepath.Join(t.TempDir(), "archive")
	l := newLedger()
	first, stored := camera(t, 2, 3000, 1)
	if _, err := d.finish(l, first); err != nil {
		return err
	}
	p, err := head(d.store)
	if err != nil {
		return err
	}
	auditor := func() (int, string) {
		r := d.run("verify", "--json", "--key", p.vkey, "--from", "file://"+d.store)
		return r.Code, r.Stdout + r.Stderr
	}
	if code, output := auditor(); code != 0 {
		return fmt.Errorf("verify of a whole store ended with %d: %s", code, output)
	}
	clips := map[string]string{} // object to clip
	for clip, sum := range l.acked {
		clips[sum] = clip
	}
	var errs []error
	err = filepath.WalkDir(d.store, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || e.Name() == "custodock-store" || e.Name() == ".lock" {
			return err
		}
		errs = append(errs, found(t, path, clips[e.Name()], auditor))
		return nil
	})
	if len(errs) < len(stored)+5 {
		t.Fatalf("only %d files were spoilt", len(errs))
	}
	return errors.Join(append(errs, err, findsSpoolBit(t, d))...)
}

// findsSpoolBit is findsBit for a clip that waits for its store.
func findsSpoolBit(t testing.TB, d *dock) error {
	rename(t, d.store, d.store+"-away")
	cam, files := camera(t, 1, 3000, 2)
	l := newLedger()
	r := d.run("ingest", "--json", "--wait", "10ms", cam)
	if _, err := l.note(r.Stdout); err != nil || r.Code != 3 || len(l.acked) != 1 {
		return fmt.Errorf("exit %d, %v: %s", r.Code, err, r.Stderr)
	}
	rename(t, d.store+"-away", d.store)
	if err := d.verified(); err != nil {
		return err
	}
	for clip, sum := range l.acked {
		err := found(t, filepath.Join(d.state, "spool", files[0].SHA256), clip, func() (int, string) {
			r := d.run("verify", "--all", "--json")
			return r.Code, r.Stdout
		})
		if err != nil || sum != files[0].SHA256 {
			return fmt.Errorf("clip %s: %v", clip, err)
		}
	}
	return nil
}

// found flips one bit of a file, wants it found, and puts it back. clip must
// be said to be a mismatch; without one the file or some clip must be named.
func found(t testing.TB, path, clip string, verifyAll func() (int, string)) error {
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return fmt.Errorf("%s: %d bytes, %w", path, len(b), err)
	}
	at := len(b) * 2 / 3
	flip := func() {
		b[at] ^= 1 << (at % 8)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flip()
	code, output := verifyAll()
	flip()
	if code != 4 {
		return fmt.Errorf("a bit of %s changed, and verify ended with %d: %s", path, code, output)
	}
	if clip != "" && !strings.Contains(output, fmt.Sprintf(`{"clip":%q,"sha256":%q,"result":%q`, clip, filepath.Base(path), verify.Mismatch)) {
		return fmt.Errorf("a bit of %s changed, but %s is no mismatch: %s", path, clip, output)
	}
	if clip == "" && !named(path, output) {
		return fmt.Errorf("a bit of %s changed, and neither it nor a clip was named: %s", path, output)
	}
	return nil
}

// named reports whether verify spoke of the file, or of a clip that is not whole.
func named(path, output string) bool {
	if i := strings.Index(path, "/log/"); i >= 0 && strings.Contains(output, path[i+1:]) {
		return true
	}
	if strings.Contains(output, filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path)) {
		return true
	}
	for line := range strings.Lines(output) {
		var r verify.Result
		if json.Unmarshal([]byte(line), &r) == nil && (r.Result == verify.Mismatch || r.Result == verify.Missing) {
			return true
		}
	}
	return false
}

// TestSpoolRot: a bit of a clip changes while it waits for its store (fault
// 34). A store on the same disk links it, and verify says so; one that copies
// refuses it, names it, and gets it whole when the camera is docked again.
func TestSpoolRot(t *testing.T) {
	bin := testbench.Build(t)
	t.Run("linked", func(t *testing.T) {
		d, cam, clip, sum := rotten(t, bin, filepath.Join(t.TempDir(), "archive"))
		r := d.run("ingest", "--json", cam)
		if r.Code != 0 {
			t.Fatalf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
		}
		_, results, err := d.verify()
		if err == nil || results[clip].Result != verify.Mismatch {
			t.Errorf("verify: %v, %+v", err, results[clip])
		}
		if _, err := os.Stat(filepath.Join(d.store, "object", sum[:2], sum)); err != nil {
			t.Error(err)
		}
	})
	t.Run("copied", func(t *testing.T) {
		d, cam, clip, _ := rotten(t, bin, filepath.Join(otherDisk(t), "archive"))
		// Another camera: the upload of the rotten clip is tried, nothing mends it.
		other, _ := camera(t, 20, 50_000, 3)
		r := d.run("ingest", "--json", "-v", "--wait", "20s", other)
		if r.Code != 0 || !strings.Contains(r.Stderr, clip) || !strings.Contains(r.Stderr, store.ErrDamaged.Error()) {
			t.Fatalf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
		}
		l := newLedger()
		if _, err := d.finish(l, cam); err != nil {
			t.Fatal(err)
		}
		if err := all(d.verified, func() error { return d.kept(l) }); err != nil {
			t.Error(err)
		}
		if l.acked[clip] == "" {
			t.Errorf("%s came back as another clip: %v", clip, l.acked)
		}
	})
}

// rotten makes a dock with a clip that waits for its store, which is back, and
// has a bit changed.
func rotten(t *testing.T, bin, archive string) (d *dock, cam, clip, sum string) {
	t.Helper()
	d = newDock(t, bin, t.TempDir())
	d.store = archive
	l := newLedger()
	first, _ := camera(t, 1, 1000, 1)
	if _, err := d.finish(l, first); err != nil {
		t.Fatal(err)
	}
	rename(t, archive, archive+"-away")
	cam, files := camera(t, 1, 3000, 2)
	if r := d.run("ingest", "--json", "--wait", "10ms", cam); r.Code != 3 {
		t.Fatalf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	rename(t, archive+"-away", archive)
	sum = files[0].SHA256
	path := filepath.Join(d.state, "spool", sum)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[1500] ^= 4
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, results, err := d.verify()
	if err == nil {
		t.Fatal("verify does not see the spool rot")
	}
	for name, r := range results {
		if r.SHA256 == sum {
			clip = name
		}
	}
	return d, cam, clip, sum
}

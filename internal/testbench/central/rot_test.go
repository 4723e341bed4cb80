package central

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

// TestDeleteMarker: an object that somebody hid is proven by its version, and
// bytes that come again bring no second version about (fault 54).
func TestDeleteMarker(t *testing.T) {
	bin := testbench.Build(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			c := newCentre(t, testbench.S3Options{Kind: kind}, false)
			d := newDock(t, bin, c.Env(), "", storeText("centre", c.url(), unlocked))
			cam, files := camera(t, 1, small, 1)
			files = append(files, testbench.Clips(t, filepath.Join(cam, "more"), 1, large, 2)...)
			if err := d.ingest("60s", cam).complete(len(files)); err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				if err := c.Remove(c.bucket, key(f.SHA256), ""); err != nil {
					t.Fatal(err)
				}
			}
			if err := d.settled(c, files...); err != nil {
				t.Errorf("hidden: %v", err)
			}
			twin := t.TempDir()
			if err := os.CopyFS(twin, os.DirFS(cam)); err != nil {
				t.Fatal(err)
			}
			if err := d.ingest("60s", twin).complete(len(files)); err != nil {
				t.Fatal(err)
			}
			if err := d.verified(2 * len(files)); err != nil {
				t.Error(err)
			}
			versions, markers := 0, 0
			for _, v := range c.Versions(c.bucket, "dock/object/") {
				if v.DeleteMarker {
					markers++
				} else {
					versions++
				}
			}
			if versions != len(files) || markers != len(files) {
				t.Errorf("%d versions and %d delete markers of %d objects", versions, markers, len(files))
			}
		})
	}
}

// TestRot: a bit that turned on the server's disk is found by verify, which
// names the clip, and by the daemon, which enters it and calls a person (fault
// 55). The clip beside it is confirmed.
func TestRot(t *testing.T) {
	bin := testbench.Build(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			c := newCentre(t, testbench.S3Options{Kind: kind}, false)
			d := newDock(t, bin, c.Env(), "scrub: {days: 1, rate: 1GiB}\n", storeText("centre", c.url(), unlocked))
			cam, files := camera(t, 2, small, 1)
			out := d.ingest("60s", cam) // without daemon, so nothing is read back yet
			if err := out.complete(len(files)); err != nil {
				t.Fatal(err)
			}
			bad, good := out.files[0], out.files[1]
			c.FlipBit(c.bucket, key(bad.SHA256), 1000)
			p := d.daemon()
			report, results, r := d.verify("--all")
			if r.Code != 4 || report.OK != 1 || report.Clips != 2 {
				t.Errorf("verify ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
			}
			for _, one := range results {
				// MinIO does not give bytes that it knows to be wrong.
				if found := one.Result == "mismatch" || kind == testbench.MinIO && one.Result == "missing"; (one.Clip == bad.Clip) != found {
					t.Errorf("%+v", one)
				}
			}
			if err := d.awaitAlarm("clip_mismatch", bad.Clip, "do not erase its camera"); err != nil {
				t.Error(err)
			}
			await(t, "the other is confirmed", func() bool { return len(d.show(good.Clip).Proved) == 1 })
			if n := len(d.custody(bad.Clip, "clip.damaged")); n != 1 || len(d.custody(good.Clip, "clip.damaged")) != 0 {
				t.Errorf("%d entries clip.damaged", n)
			}
			if shown := d.show(bad.Clip); len(shown.Proved) != 0 || shown.Freed {
				t.Errorf("%+v", shown.ClipView)
			}
			d.end(p)
			if err := c.once(files...); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSpoolRot: a clip whose bytes turned on the dock before they went out is
// refused by the store's checksum, is no clip of the store, and is taken from
// its camera again (fault 34).
func TestSpoolRot(t *testing.T) {
	bin := testbench.Build(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			c := newCentre(t, testbench.S3Options{Kind: kind}, false)
			d := newDock(t, bin, c.Env(), "", storeText("centre", c.url(), unlocked))
			p := d.daemon()
			c.line.Inject(testbench.WireFault{Kind: testbench.Refused, Part: "/dock/object/"})
			cam, files := camera(t, 1, small, 1)
			files = append(files, testbench.Clips(t, filepath.Join(cam, "more"), 1, large, 2)...)
			if err := d.ingest("1s", cam).kept(len(files)); err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				rot(t, filepath.Join(d.state, "spool", f.SHA256), f.Size-1000)
			}
			if c.line.Fired(testbench.Refused) == 0 {
				t.Fatal("the line was never used")
			}
			c.line.Heal()
			await(t, "both clips are lost", func() bool {
				n := 0
				for _, a := range d.status().Alarms {
					if a.Code == "clip_lost" && strings.Contains(a.Text, "dock its camera again") {
						n++
					}
				}
				return n == len(files)
			})
			if list := c.Versions(c.bucket, "dock/object/"); len(list) != 0 {
				t.Errorf("stored: %+v", list)
			}
			if err := d.ingest("60s", cam).complete(len(files)); err != nil {
				t.Fatal(err)
			}
			d.awaitQuiet()
			if err := d.settled(c, files...); err != nil {
				t.Error(err)
			}
			d.end(p)
		})
	}
}

// rot turns one bit of a file.
func rot(t testing.TB, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

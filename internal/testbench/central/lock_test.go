package central

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
)

// show is what the dock knows of a clip.
func (d *dock) show(clip string) ingest.ClipDetail {
	d.t.Helper()
	var detail ingest.ClipDetail
	r := d.run("show", "--json", clip)
	if err := json.Unmarshal([]byte(r.Stdout), &detail); err != nil {
		d.t.Fatalf("show ended with %d: %v: %s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	return detail
}

// custody are the entries of a type about a clip.
func (d *dock) custody(clip, typ string) []manifest.Entry {
	d.t.Helper()
	var out []manifest.Entry
	for _, c := range d.show(clip).Custody {
		if c.Type != typ {
			continue
		}
		e, err := manifest.ParseEntry([]byte(c.Entry))
		if err != nil {
			d.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// sameLock compares an entry about a stored clip with what the server says.
func (c *centre) sameLock(e manifest.Entry, sha256 string) error {
	version := e.Fields.Str("version")
	info, err := c.Core().StatObject(context.Background(), c.bucket, key(sha256), minio.StatObjectOptions{VersionID: version})
	if err != nil {
		return fmt.Errorf("version %q: %w", version, err)
	}
	mode, until := info.Metadata.Get("X-Amz-Object-Lock-Mode"), info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date")
	end, err := time.Parse(time.RFC3339, until)
	said, bad := time.Parse(time.RFC3339, e.Fields.Str("until"))
	if err != nil || bad != nil || !said.Equal(end) || !strings.EqualFold(mode, e.Fields.Str("lock")) || info.VersionID != version {
		return fmt.Errorf("%s says %q until %q of version %q, the server %q until %q of version %q",
			e.Type, e.Fields.Str("lock"), e.Fields.Str("until"), version, mode, until, info.VersionID)
	}
	return nil
}

// TestLockTold: what clip.stored says of version, lock and end is what the
// server says, also of a clip in parts; the camera is freed when it was read
// back under lock. A legal hold is on every object where it is configured.
func TestLockTold(t *testing.T) {
	bin := testbench.Build(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			c := newCentre(t, testbench.S3Options{Kind: kind}, true)
			d := newDock(t, bin, c.Env(), "scrub: {days: 1, rate: 1GiB}\n", storeText("centre", c.url(), governed, oneDay, "hold: true"))
			p := d.daemon()
			cam, files := camera(t, 2, small, 1)
			files = append(files, testbench.Clips(t, cam+"/more", 1, large, 2)...)
			out := d.ingest("60s", cam)
			if err := out.complete(len(files)); err != nil {
				t.Fatal(err)
			}
			for _, f := range out.files {
				await(t, "the clip is confirmed", func() bool { return len(d.show(f.Clip).Proved) == 1 })
				for _, typ := range []string{"clip.stored", "clip.confirmed"} {
					list := d.custody(f.Clip, typ)
					if len(list) != 1 {
						t.Fatalf("%d entries %s of %s", len(list), typ, f.Clip)
					}
					if err := c.sameLock(list[0], f.SHA256); err != nil {
						t.Error(err)
					}
					if until := list[0].Fields.Str("until"); until < time.Now().Add(23*time.Hour).UTC().Format(time.RFC3339) {
						t.Errorf("%s is locked until %s only", f.Clip, until)
					}
				}
				hold, err := c.Core().GetObjectLegalHold(t.Context(), c.bucket, key(f.SHA256), minio.GetObjectLegalHoldOptions{})
				if err != nil || hold == nil || *hold != minio.LegalHoldEnabled {
					t.Errorf("legal hold of %s: %v, %v", f.Clip, hold, err)
				}
				if !d.show(f.Clip).Freed {
					t.Errorf("%s is confirmed under lock and not freed", f.Clip)
				}
			}
			if err := d.settled(c, files...); err != nil {
				t.Error(err)
			}
			d.end(p)
		})
	}
}

// TestNoLock: a bucket without lock takes clips, which every way of asking the
// dock tells, and frees no camera although its clips were read back (fault 53).
func TestNoLock(t *testing.T) {
	c := newCentre(t, testbench.S3Options{}, false)
	d := newDock(t, testbench.Build(t), c.Env(), "scrub: {days: 1, rate: 1GiB}\n", storeText("centre", c.url(), governed, oneDay))
	p := d.daemon()
	cam, files := camera(t, 2, small, 1)
	out := d.ingest("60s", cam)
	if err := out.complete(len(files)); err != nil {
		t.Fatal(err)
	}
	if err := d.awaitAlarm("store_unlocked", "object lock", "frees no camera"); err != nil {
		t.Error(err)
	}
	doctor := d.run("doctor", "--json")
	told := func(line string) bool {
		var cond ingest.Condition
		return json.Unmarshal([]byte(line), &cond) == nil && cond.Code == "lock" && !cond.OK && strings.Contains(cond.Mend, "object lock")
	}
	if doctor.Code != 1 || !slices.ContainsFunc(strings.Split(doctor.Stdout, "\n"), told) {
		t.Errorf("doctor ended with %d and without a word: %s", doctor.Code, doctor.Stdout)
	}
	for _, f := range out.files {
		await(t, "the clip is confirmed", func() bool { return len(d.show(f.Clip).Proved) == 1 })
		stored := d.custody(f.Clip, "clip.stored")
		if len(stored) != 1 || stored[0].Fields.Str("lock") != "none" || stored[0].Fields.Str("until") != "" {
			t.Errorf("%+v", stored)
		}
		if d.show(f.Clip).Freed {
			t.Errorf("%s is freed without a lock", f.Clip)
		}
	}
	r := terminate(p)
	if r.Code != 0 || !strings.Contains(r.Stderr, "object lock") {
		t.Errorf("the daemon ended with %d and told its journal nothing of the lock: %s", r.Code, r.Stderr)
	}
	if err := d.settled(c, files...); err != nil {
		t.Error(err)
	}
}

package central

import (
	"strings"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

// TestConsent: a bucket that would lock for good gets nothing before an admin
// said yes, which is asked for in words; then everything goes, locked, and an
// auditor proves it from the bucket with a key and rights to read alone.
func TestConsent(t *testing.T) {
	bin := testbench.Build(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			c := newCentre(t, testbench.S3Options{Kind: kind}, true)
			d := newDock(t, bin, c.Env(), "", storeText("centre", c.url(), oneDay))
			r := d.run("init")
			if r.Code != 0 || !strings.Contains(r.Stderr, "run custodock doctor and say yes") {
				t.Errorf("init ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
			}
			vkey := strings.TrimSpace(r.Stdout)
			cam, files := camera(t, 2, small, 1)
			files = append(files, testbench.Clips(t, cam+"/more", 1, large, 2)...)
			out := d.ingest("1s", cam)
			if err := out.kept(len(files)); err != nil || !strings.Contains(out.files[0].Error, "an admin has to agree first") {
				t.Errorf("before the yes: %v, %+v", err, out.files)
			}
			if r := d.run("doctor"); r.Code != 1 || !strings.Contains(r.Stdout, "custodock doctor --yes") {
				t.Errorf("doctor ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
			}
			for _, v := range c.Versions(c.bucket, "dock/") {
				if !strings.HasPrefix(v.Key, "dock/probe/free-") {
					t.Errorf("before the yes the bucket has %s", v.Key)
				}
			}
			if r := d.run("doctor", "--yes"); !strings.Contains(r.Stdout, "an admin agreed that store centre locks each object for 1 days") {
				t.Errorf("doctor --yes ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
			}
			again := d.ingest("60s", cam)
			if err := again.complete(len(files)); err != nil {
				t.Fatal(err)
			}
			for _, f := range again.files {
				for _, e := range d.custody(f.Clip, "clip.stored") {
					if err := c.sameLock(e, f.SHA256); err != nil || e.Fields.Str("lock") != "compliance" {
						t.Errorf("%s: %v, lock %q", f.Clip, err, e.Fields.Str("lock"))
					}
				}
			}
			if err := d.settled(c, files...); err != nil {
				t.Error(err)
			}
			auditor := testbench.Cmd{Bin: bin, Env: c.Env(), Args: []string{"--state", t.TempDir() + "/none", "verify", "--key", vkey, "--from", c.url()}}
			if r := auditor.Start(t).Wait(); r.Code != 0 || strings.Count(r.Stdout, "\n") != len(files)+1 {
				t.Errorf("the auditor's verify ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
			}
			auditor.Args = append(auditor.Args, files[len(files)-1].Path)
			if r := auditor.Start(t).Wait(); r.Code != 0 || !strings.Contains(r.Stdout, files[len(files)-1].SHA256) {
				t.Errorf("verify of a loose file ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
			}
		})
	}
}

package central

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// keyFile writes access keys as the AWS tools have them.
func keyFile(t testing.TB, path, id, secret string) {
	t.Helper()
	next := path + ".new"
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", id, secret)
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

// TestKeysRevoked: keys that the server takes back stop the uploads and nothing
// else; other keys in the file are taken up without a restart (fault 51).
func TestKeysRevoked(t *testing.T) {
	bin := testbench.Build(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			c := newCentre(t, testbench.S3Options{Kind: kind}, false)
			keys := filepath.Join(t.TempDir(), "keys")
			keyFile(t, keys, c.AccessKey, c.SecretKey)
			d := newDock(t, bin, nil, "", storeText("centre", c.url(), unlocked, "credentials: "+keys))
			p := d.daemon()
			first, files := camera(t, 2, small, 1)
			if err := d.ingest("60s", first).complete(len(files)); err != nil {
				t.Fatal(err)
			}
			c.Stop()
			c.SecretKey = "another-secret-of-this-test"
			c.Start()
			second, more := camera(t, 3, small, 2)
			if err := d.ingest("1s", second).kept(len(more)); err != nil {
				t.Fatal(err)
			}
			if err := d.awaitAlarm("store_denied", "keys"); err != nil {
				t.Error(err)
			}
			keyFile(t, keys, c.AccessKey, c.SecretKey)
			await(t, "the queue is empty", func() bool { return d.waiting("") == 0 })
			d.awaitQuiet()
			if err := d.settled(c, append(files, more...)...); err != nil {
				t.Error(err)
			}
			d.end(p)
		})
	}
}

// TestKeysExpired: a token that runs out in the middle of the day is an alarm
// and drains once the line lets us in again (fault 51).
func TestKeysExpired(t *testing.T) {
	c := newCentre(t, testbench.S3Options{}, false)
	d := newDock(t, testbench.Build(t), c.Env(), "", storeText("centre", c.url(), unlocked))
	p := d.daemon()
	c.line.Inject(testbench.WireFault{Kind: testbench.Refused, Status: 403, Code: "ExpiredToken"})
	cam, files := camera(t, 3, small, 1)
	if err := d.ingest("1s", cam).kept(len(files)); err != nil {
		t.Fatal(err)
	}
	if err := d.awaitAlarm("store_denied", "ExpiredToken", "put working keys"); err != nil {
		t.Error(err)
	}
	if c.line.Fired(testbench.Refused) == 0 {
		t.Error("the fault never fired")
	}
	c.line.Heal()
	await(t, "the queue is empty", func() bool { return d.waiting("") == 0 })
	d.awaitQuiet()
	if err := d.settled(c, files...); err != nil {
		t.Error(err)
	}
	d.end(p)
}

// TestNobodyHome: a bucket that is not there, and keys that were never right,
// are said with what mends them; clips stay on the dock, and go when it is
// mended.
func TestNobodyHome(t *testing.T) {
	bin := testbench.Build(t)
	tests := []struct {
		name  string
		words []string
		spoil func(c *centre, d *dock)
		mend  func(c *centre, d *dock)
	}{
		{"no bucket", []string{`"later"`, "create it with object lock"},
			func(c *centre, _ *dock) { c.bucket = "later" },
			func(c *centre, _ *dock) { c.MakeBucket("later", true) }},
		{"wrong secret", []string{"SignatureDoesNotMatch", "put working keys where the dock reads them"},
			func(_ *centre, d *dock) { d.env = append(d.env, "AWS_SECRET_ACCESS_KEY=wrong") },
			func(c *centre, d *dock) { d.env = c.Env() }},
		{"unknown key", []string{"put working keys where the dock reads them"},
			func(_ *centre, d *dock) { d.env = append(d.env, "AWS_ACCESS_KEY_ID=nobody") },
			func(c *centre, d *dock) { d.env = c.Env() }},
	}
	for _, kind := range kinds {
		s := testbench.S3(t, testbench.S3Options{Kind: kind})
		for i, tt := range tests {
			t.Run(kind+" "+tt.name, func(t *testing.T) {
				c := bucketOf(t, s, fmt.Sprintf("evidence-%d", i), false)
				d := newDock(t, bin, c.Env(), "")
				tt.spoil(c, d)
				d.configure("", storeText("centre", c.url(), unlocked))
				cam, files := camera(t, 2, small, 1)
				out := d.ingest("1s", cam)
				if err := out.kept(len(files)); err != nil {
					t.Fatal(err)
				}
				doctor := d.run("doctor", "--json")
				for _, w := range tt.words {
					if quoted := strings.ReplaceAll(w, `"`, `\"`); doctor.Code != 1 || !strings.Contains(doctor.Stdout, quoted) {
						t.Errorf("doctor does not say %q but, with exit %d: %s", w, doctor.Code, doctor.Stdout)
					}
				}
				for _, f := range out.files {
					if f.State != ingest.StateRecorded || f.Error == "" {
						t.Errorf("%+v", f)
					}
				}
				tt.mend(c, d)
				if err := d.ingest("60s", cam).complete(len(files)); err != nil {
					t.Fatal(err)
				}
				if err := d.settled(c, files...); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestFull: a store without room is an alarm of its own; clips wait and go by
// themselves when room is made (fault 52).
func TestFull(t *testing.T) {
	bin := testbench.Build(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			c := newCentre(t, testbench.S3Options{Kind: kind, Disk: 256}, false)
			d := newDock(t, bin, c.Env(), "", storeText("centre", c.url(), unlocked))
			p := d.daemon()
			first, files := camera(t, 1, small, 1)
			if err := d.ingest("60s", first).complete(len(files)); err != nil {
				t.Fatal(err)
			}
			free := c.Disk.Fill(1 << 20)
			second, more := camera(t, 3, 4<<20, 2)
			if err := d.ingest("1s", second).kept(len(more)); err != nil {
				t.Fatal(err)
			}
			if err := d.awaitAlarm("store_full", "room"); err != nil {
				t.Error(err)
			}
			free()
			await(t, "the queue is empty", func() bool { return d.waiting("") == 0 })
			d.awaitQuiet()
			if err := d.settled(c, append(files, more...)...); err != nil {
				t.Error(err)
			}
			d.end(p)
		})
	}
}

package central

import (
	"fmt"
	"strings"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

// promises are those that central storage can break, each with the bugs that
// break it.
var promises = []struct {
	name  string
	check func(testing.TB, string) error
	bugs  []bug
}{
	{"P3 stores once after a kill", storesOnceKilled, []bug{
		{"a PUT has no condition", "store/s3/send.go", `o.SetMatchETagExcept("*")`, `o.Internal.ReplicationRequest = false`},
	}},
	{"P3 stores once from two docks", storesOnceTogether, []bug{
		{"a Complete has no condition", "store/s3/parts.go", `o.SetMatchETagExcept("*")`, `o.Internal.ReplicationRequest = false`},
	}},
	{"P12 drains", drains, []bug{
		{"a failed store is not tried again", "ingest/uploader.go", "u.retry[r.job.n] = deferred{job: r.job}", "_ = deferred{}"},
		{"one store holds up the other", "ingest/uploader.go", "	err := u.s.ready(ctx, u.c)\n", `	var err error
	for _, c := range u.s.centrals() {
		if err == nil {
			err = u.s.ready(ctx, c)
		}
	}
`},
	}},
	{"P13 cannot remove", cannotRemove, []bug{
		{"the probe believes that all is refused", "store/s3/rights.go", "		return Allowed, nil\n", "		return Refused, nil\n"},
	}},
}

// bug is one text of the source put for another.
type bug struct{ name, file, old, new string }

// TestPromises: each promise holds, and a build that breaks it is found out.
func TestPromises(t *testing.T) {
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			if err := p.check(t, testbench.Build(t)); err != nil {
				t.Error(err)
			}
			bugs := p.bugs
			if testing.Short() {
				bugs = nil // each takes a build
			}
			for _, b := range bugs {
				t.Run(b.name, func(t *testing.T) {
					err := p.check(t, testbench.PatchedBuild(t, b.file, b.old, b.new))
					if err == nil {
						t.Fatal("nothing was found")
					}
					t.Logf("found: %v", err)
				})
			}
		})
	}
}

// storesOnceKilled is P3 for a dock that is killed when the server has the
// clips and no answer came: nobody has noted that they are there.
func storesOnceKilled(t testing.TB, bin string) error {
	c := newCentre(t, testbench.S3Options{}, false)
	d := newDock(t, bin, c.Env(), "", storeText("centre", c.url(), unlocked))
	cam, files := camera(t, 3, small, 1)
	c.line.Inject(
		testbench.WireFault{Kind: testbench.LostReply, Method: "PUT", Part: "/dock/object/"},
		testbench.WireFault{Kind: testbench.Refused, Method: "HEAD", Part: "/dock/object/"},
	)
	p := d.cmd("ingest", "--json", cam).Start(t)
	c.line.Await(t, testbench.LostReply, len(files))
	await(t, "the server has all objects", func() bool { return len(c.Versions(c.bucket, "dock/object/")) == len(files) })
	d.hear(p.Kill())
	c.line.Heal()
	if err := d.ingest("60s", cam).complete(len(files)); err != nil {
		return err
	}
	return d.settled(c, files...)
}

// storesOnceTogether is P3 for two docks that bring the same clip of many parts
// at the same time (fault 12): the one that is late finds it there.
func storesOnceTogether(t testing.TB, bin string) error {
	c := newCentre(t, testbench.S3Options{}, false)
	late := &centre{S3Server: c.S3Server, bucket: c.bucket, line: testbench.Proxy(t, c.Endpoint())}
	one := newDock(t, bin, c.Env(), "log: one\n", storeText("centre", late.url(), unlocked))
	two := newDock(t, bin, c.Env(), "log: two\n", storeText("centre", c.url(), unlocked))
	cam, files := camera(t, 1, large, 1)
	late.line.Inject(testbench.WireFault{Kind: testbench.Refused, Method: "POST", Part: "uploadId="})
	p := one.cmd("ingest", "--json", cam).Start(t)
	late.line.Await(t, testbench.Refused, 1)
	if err := two.ingest("60s", cam).complete(1); err != nil {
		return err
	}
	late.line.Heal()
	if err := one.hear(p.WaitFor(2 * testbench.Patience)).complete(1); err != nil {
		return err
	}
	if n := c.extra(); n != 0 {
		return fmt.Errorf("%d versions too many", n)
	}
	if n := c.uploads(files[0].SHA256); n != 0 {
		return fmt.Errorf("%d uploads are left", n)
	}
	if err := one.verified(1); err != nil {
		return err
	}
	return two.verified(1)
}

// drains is P12: a store that fails while clips go out gets them when it is
// well again, and holds up no other.
func drains(t testing.TB, bin string) error {
	p := newPair(t, bin)
	cam, files := camera(t, 4, small, 1)
	p.ill.line.Inject(testbench.WireFault{Kind: testbench.Refused, Status: 403})
	daemon := p.daemon()
	if err := p.ingest("1s", cam).kept(len(files)); err != nil {
		return err
	}
	if p.ill.line.Fired(testbench.Refused) == 0 {
		t.Fatal("the fault never fired")
	}
	if err := within(func() bool { return p.waiting("well") == 0 }); err != nil {
		return fmt.Errorf("the store that is well: %w", err)
	}
	p.ill.line.Heal()
	// Once more while it is open: a clip that fails then is tried again too.
	p.ill.line.Inject(testbench.WireFault{Kind: testbench.Refused, Status: 403, Method: "PUT", Part: "/dock/object/", Times: 2})
	if err := within(func() bool { return p.waiting("ill") == 0 }); err != nil {
		return fmt.Errorf("the store that was ill: %w", err)
	}
	p.end(daemon)
	for _, c := range []*centre{p.ill, p.well} {
		if err := p.settled(c, files...); err != nil {
			return err
		}
	}
	return nil
}

// cannotRemove is P13: the doctor tells keys that can remove evidence from keys
// that cannot, and the latter are refused by the server.
func cannotRemove(t testing.TB, bin string) error {
	c := newCentre(t, testbench.S3Options{Kind: testbench.MinIO}, true)
	d := newDock(t, bin, c.Env(), "", storeText("centre", c.url(), "lock: compliance", oneDay, "hold: true"))
	if r := d.run("init"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	r := d.run("doctor", "--json", "--yes") // to the lock that nobody can undo
	if good, told := keysGood(r.Stdout); good || !told {
		return fmt.Errorf("the doctor has no word against keys that may do all: %s%s", r.Stdout, r.Stderr)
	}
	d.env = c.restricted(t)
	r = d.run("doctor", "--json")
	if good, _ := keysGood(r.Stdout); !good {
		return fmt.Errorf("the doctor says of restricted keys, with exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	cam, files := camera(t, 2, small, 1)
	out := d.ingest("60s", cam)
	if err := out.complete(len(files)); err != nil {
		return err
	}
	for _, f := range out.files {
		stored := d.custody(f.Clip, "clip.stored")
		if len(stored) != 1 {
			return fmt.Errorf("%d entries clip.stored", len(stored))
		}
		if err := c.refusesRemoval(d.env, key(f.SHA256), stored[0].Fields.Str("version")); err != nil {
			return err
		}
	}
	d.configure("", storeText("centre", c.url(), governed, oneDay))
	r = d.run("doctor", "--json")
	if !strings.Contains(r.Stdout, `"args":["centre","shorten"]`) {
		return fmt.Errorf("the doctor does not say that these keys can shorten a lock of governance: %s%s", r.Stdout, r.Stderr)
	}
	return d.settled(c, files...)
}

package central

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

// partsOf are the parts that the server has of an upload nobody has finished.
func (c *centre) partsOf(sha256 string) []int {
	page, err := c.Core().ListMultipartUploads(context.Background(), c.bucket, key(sha256), "", "", "", 1000)
	if err != nil || len(page.Uploads) != 1 {
		return nil
	}
	list, err := c.Core().ListObjectParts(context.Background(), c.bucket, key(sha256), page.Uploads[0].UploadID, 0, 1000)
	if err != nil {
		return nil
	}
	var numbers []int
	for _, p := range list.ObjectParts {
		numbers = append(numbers, p.PartNumber)
	}
	return numbers
}

// resumes is fault 56: an upload that a kill cut short goes on with the parts
// that are there, and is finished, not begun again.
func resumes(t testing.TB, bin, kind string) error {
	c := newCentre(t, testbench.S3Options{Kind: kind}, false)
	d := newDock(t, bin, c.Env(), "", storeText("centre", c.url(), unlocked))
	cam, files := camera(t, 1, 60<<20, 1) // four parts
	f := files[0]
	c.line.Inject(
		testbench.WireFault{Kind: testbench.Refused, Part: "partNumber=3"},
		testbench.WireFault{Kind: testbench.Refused, Part: "partNumber=4"},
	)
	p := d.cmd("ingest", "--json", cam).Start(t)
	await(t, "two parts are there", func() bool { return len(c.partsOf(f.SHA256)) == 2 })
	d.hear(p.Kill())
	sent := func(part string) int { return c.line.Passed("PUT", "partNumber="+part) }
	if c.line.Fired(testbench.Refused) == 0 || sent("1") != 1 || sent("2") != 1 {
		t.Fatalf("%d refused, parts 1 and 2 sent %d and %d times", c.line.Fired(testbench.Refused), sent("1"), sent("2"))
	}
	c.line.Heal()
	if err := d.ingest("60s", cam).complete(1); err != nil {
		return err
	}
	for _, part := range []string{"1", "2", "3", "4"} {
		if n := sent(part); n != 1 {
			return fmt.Errorf("part %s was sent %d times", part, n)
		}
	}
	if n := c.uploads(f.SHA256); n != 0 {
		return fmt.Errorf("%d uploads are left", n)
	}
	return d.settled(c, files...)
}

// TestResume: see resumes.
func TestResume(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			if err := resumes(t, testbench.Build(t), kind); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestKilled: SIGKILL at any moment of an upload loses nothing and stores
// nothing twice (P3, fault 31).
func TestKilled(t *testing.T) {
	const kills = 15
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	c := newCentre(t, testbench.S3Options{}, false)
	d := newDock(t, testbench.Build(t), c.Env(), "", storeText("centre", c.url(), unlocked))
	cam := t.TempDir()
	var files []testbench.File
	alive, span := 0, 400*time.Millisecond
	for round := 0; alive < kills; round++ {
		size := 1000 + rng.Int64N(300_000)
		if round%3 == 0 {
			size = 17<<20 + rng.Int64N(1<<20) // two parts
		}
		files = append(files, testbench.Clips(t, filepath.Join(cam, fmt.Sprint(round)), 1+rng.IntN(2), size, rng.Uint64())...)
		stored := func() int { return len(c.Versions(c.bucket, "dock/object/")) }
		began, sent, had := time.Now(), c.line.Passed("PUT", "/dock/object/"), stored()
		p := d.cmd("ingest", "--json", cam).Start(t)
		delay := time.Duration(rng.Int64N(int64(span)))
		if round%4 != 0 { // while objects are sent
			await(t, "an object is sent", func() bool { return c.line.Passed("PUT", "/dock/object/") > sent || ended(p) })
			delay %= 80 * time.Millisecond
		}
		if round%4 == 1 { // after one is there
			await(t, "an object is stored", func() bool { return stored() > had || ended(p) })
		}
		r, killed := p.KillAfter(delay)
		out := d.hear(r)
		if killed {
			alive++
			continue
		}
		span = time.Since(began)
		if err := out.complete(len(files)); err != nil {
			t.Fatal(err)
		}
	}
	before := len(c.Versions(c.bucket, "dock/object/"))
	if err := d.ingest("60s", cam).complete(len(files)); err != nil {
		t.Fatal(err)
	}
	if before == 0 {
		t.Error("no kill came after an upload")
	}
	t.Logf("%d kills; %d of %d objects were there before the last run", alive, before, len(files))
	if err := d.settled(c, files...); err != nil {
		t.Error(err)
	}
	// An upload whose begin was answered and not yet noted is left to be
	// reaped after a day: nobody can know that it is ours.
	left := 0
	for _, f := range files {
		left += c.uploads(f.SHA256)
	}
	if t.Logf("%d uploads are left", left); left > alive {
		t.Errorf("%d uploads are left of %d kills", left, alive)
	}
}

func ended(p *testbench.Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

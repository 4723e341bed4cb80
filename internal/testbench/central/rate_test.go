package central

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

// number is a number of the environment, for longer runs by hand.
func number(t testing.TB, name string, normal int64) int64 {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return normal
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: %v", name, s, err)
	}
	return n
}

// TestInjectedErrors measures uploads while some percent of all requests fail,
// half of them refused with 503 and half carried out with their reply lost: no
// object gets a second version. Larger runs, in clips of so many KiB:
//
//	CENTRAL_CLIPS=1000 CENTRAL_KIB=1024 CENTRAL_SEED=7 go test ./internal/testbench/central -run TestInjectedErrors -v
func TestInjectedErrors(t *testing.T) {
	clips, kib, seed := number(t, "CENTRAL_CLIPS", 60), number(t, "CENTRAL_KIB", 256), uint64(number(t, "CENTRAL_SEED", 1))
	bin := testbench.Build(t)
	t.Logf("%d clips of %d KiB, seed %d", clips, kib, seed)
	for _, kind := range kinds {
		s := testbench.S3(t, testbench.S3Options{Kind: kind})
		for _, percent := range []int{0, 5, 20} {
			c := bucketOf(t, s, "rate-"+strconv.Itoa(percent), false)
			d := newDock(t, bin, c.Env(), "", storeText("centre", c.url(), unlocked))
			cam, files := camera(t, int(clips), kib<<10, seed)
			if percent > 0 {
				c.line.Seed(seed)
				// The second is asked only where the first did not act.
				half := float64(percent) / 200
				c.line.Inject(
					testbench.WireFault{Kind: testbench.Refused, Chance: half},
					testbench.WireFault{Kind: testbench.LostReply, Chance: half / (1 - half)},
				)
			}
			began := time.Now()
			out := d.ingest("5m", cam)
			took := time.Since(began).Seconds()
			refused, lost, passed := c.line.Fired(testbench.Refused), c.line.Fired(testbench.LostReply), c.line.Passed("", "")
			c.line.Heal()
			t.Logf("%-9s %2d %%: %5.2f s, %6.1f MiB/s, %4d requests, %3d refused, %3d replies lost, %d extra versions",
				kind, percent, took, float64(clips*kib)/1024/took, passed+refused, refused, lost, c.extra())
			if err := out.complete(len(files)); err != nil {
				t.Fatal(err)
			}
			if percent > 0 && (refused == 0 || lost == 0) {
				t.Error("the faults never fired")
			}
			if err := d.settled(c, files...); err != nil || c.extra() != 0 {
				t.Errorf("%d extra versions, %v", c.extra(), err)
			}
		}
	}
}

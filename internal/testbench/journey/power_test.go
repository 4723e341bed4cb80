package journey

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

// cutting is a run of ingests whose disk loses power.
type cutting struct {
	d      *dock
	disk   *testbench.Disk
	away   string // where the store's folder is while it is away; "" when it is on the disk
	rng    *rand.Rand
	l      *ledger
	span   time.Duration
	serial uint64

	cuts, living, printed int
}

// powered makes a dock whose state is on a disk of its own. With apart the
// store is on another file system, and sometimes away.
func powered(t testing.TB, bin string, apart bool, rng *rand.Rand) *cutting {
	disk := testbench.LoopDisk(t, 256)
	d := newDock(t, bin, disk.Mountpoint)
	d.configure("reserve: 16MiB\n")
	c := &cutting{d: d, disk: disk, rng: rng, l: newLedger(), span: 250 * time.Millisecond}
	if apart {
		dir := t.TempDir()
		d.store, c.away = filepath.Join(dir, "archive"), filepath.Join(dir, "away")
	}
	return c
}

// cycle gives the camera fresh clips, cuts the power while they are taken in,
// and brings it back.
func (c *cutting) cycle(cam string, absent bool) ([]testbench.File, error) {
	c.serial++
	dir := filepath.Join(cam, fmt.Sprintf("%04d", c.serial))
	files, err := testbench.MakeClips(dir, 1+c.rng.IntN(3), 300+c.rng.Int64N(300_000), c.serial<<32|uint64(c.rng.Uint32()))
	if err != nil {
		return nil, err
	}
	if absent {
		rename(c.d.t, c.d.store, c.away)
		defer rename(c.d.t, c.away, c.d.store)
	}
	p := c.d.cmd("ingest", "--json", "--wait", "50ms", cam).Start(c.d.t)
	timer := time.NewTimer(time.Duration(c.rng.Int64N(int64(c.span))))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.Done():
	}
	// What is visible was signed: the log must contain it for ever, although
	// a store on the same disk may fall back behind it.
	if now, err := head(c.d.archive()); err == nil {
		if err := c.l.saw(now); err != nil {
			return files, err
		}
	}
	c.disk.Cut()
	r := p.Kill()
	c.disk.Recover()
	c.cuts++
	if r.Code == -1 {
		c.living++
	}
	acks, err := c.l.note(r.Stdout)
	if acks > 0 {
		c.printed++
	}
	return files, err
}

// camera runs one camera through n cuts. What was acknowledged is looked for
// before the camera is docked again, since docking again may mend.
func (c *cutting) camera(n int) error {
	cam, err := os.MkdirTemp(c.d.t.TempDir(), "")
	if err != nil {
		return err
	}
	var files []testbench.File
	for i := range n {
		absent := c.away != "" && len(c.l.acked) > 0 && i%3 == 0
		made, err := c.cycle(cam, absent)
		if err != nil {
			return err
		}
		files = append(files, made...)
	}
	if _, err := os.Stat(filepath.Join(c.d.state, "state.db")); err == nil && len(c.l.acked) > 0 {
		if err := all(c.d.verified, func() error { return c.d.kept(c.l) }); err != nil {
			return fmt.Errorf("before docking again: %w", err)
		}
	}
	start := time.Now()
	out, err := c.d.finish(c.l, cam)
	if err != nil {
		return err
	}
	c.span = time.Since(start)
	if out.summary.Stored+out.summary.Known != len(files) {
		return fmt.Errorf("%d files, but %+v", len(files), *out.summary)
	}
	return all(
		func() error { return c.d.once(files...) },
		func() error { return c.d.kept(c.l) },
		c.d.verified,
		func() error { return os.RemoveAll(cam) },
	)
}

// TestPowerCut: a power cut at any moment loses nothing that was acknowledged
// or signed (P2, P6, fault 32).
func TestPowerCut(t *testing.T) {
	bin := testbench.Build(t)
	for name, apart := range map[string]bool{"store on the same disk": false, "store apart": true} {
		t.Run(name, func(t *testing.T) {
			rng, _ := random(t)
			start := time.Now()
			c := powered(t, bin, apart, rng)
			var err error
			for n := scaled(77, 6); c.cuts < n && err == nil; {
				err = c.camera(min(11, n-c.cuts))
			}
			t.Logf("%d power cuts in %v, %d of them with ingest alive, %d after an acknowledgement; %d clips acknowledged",
				c.cuts, time.Since(start).Round(time.Second), c.living, c.printed, len(c.l.acked))
			if err != nil {
				t.Fatal(err)
			}
			if c.living < c.cuts/3 {
				t.Error("too few cuts hit an ingest at work")
			}
		})
	}
}

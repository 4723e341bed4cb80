package journey

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

// killing is a run of ingests that are killed, and what they hit.
type killing struct {
	d      *dock
	rng    *rand.Rand
	l      *ledger
	span   time.Duration // about how long an ingest takes that is left alone
	every  int           // rounds of one camera
	size   int64         // largest clip
	serial uint64

	alive    int // kills that hit a living process
	early    int // of those, before the first entry of that run
	spooled  int // of those, with a clip in the spool
	printed  int // of those, after the first acknowledgement
	complete int // runs that ended before they were killed
}

// round gives the camera fresh clips and kills the ingest of them.
func (k *killing) round(cam string) ([]testbench.File, error) {
	k.serial++
	dir := filepath.Join(cam, fmt.Sprintf("%04d", k.serial))
	files, err := testbench.MakeClips(dir, 1+k.rng.IntN(3), 300+k.rng.Int64N(k.size), k.serial<<32|uint64(k.rng.Uint32()))
	if err != nil {
		return nil, err
	}
	before, _ := head(k.d.archive())
	start := time.Now()
	p := k.d.cmd("ingest", "--json", cam).Start(k.d.t)
	delay := k.delay()
	if k.rng.IntN(5) == 0 { // other clips wait for the stores, the log is not published
		p.AwaitOutput(func(stdout, _ string) bool { return strings.Contains(stdout, "\n") })
		delay %= 30 * time.Millisecond
	}
	r, alive := p.KillAfter(delay)
	if !alive {
		k.complete++
		k.span = (3*k.span + time.Since(start)) / 4
		if r.Code != 0 {
			return files, fmt.Errorf("ingest ended with %d: %s%s", r.Code, tail(r.Stdout), r.Stderr)
		}
	}
	acks, err := k.l.note(r.Stdout)
	if err != nil {
		return files, err
	}
	if alive {
		k.alive++
		spool, _ := filepath.Glob(filepath.Join(k.d.state, "spool", "*"))
		now, _ := head(k.d.archive())
		switch {
		case acks > 0:
			k.printed++
		case len(spool) > 0:
			k.spooled++
		case before.size == now.size:
			k.early++
		}
	}
	return files, k.l.look(k.d.archive())
}

// delay is short in every third round, else as long as an ingest takes at most.
func (k *killing) delay() time.Duration {
	if k.rng.IntN(3) == 0 {
		return time.Duration(k.rng.Int64N(int64(60 * time.Millisecond)))
	}
	return time.Duration(k.rng.Int64N(int64(k.span + k.span/8)))
}

// camera runs one camera to its end through rounds of kills, then checks.
func (k *killing) camera() error {
	cam, err := os.MkdirTemp(k.d.t.TempDir(), "")
	if err != nil {
		return err
	}
	var files []testbench.File
	for range k.every {
		made, err := k.round(cam)
		if err != nil {
			return err
		}
		files = append(files, made...)
	}
	out, err := k.d.finish(k.l, cam)
	if err != nil {
		return err
	}
	if out.summary.Stored+out.summary.Known != len(files) {
		return fmt.Errorf("%d files, but %+v", len(files), *out.summary)
	}
	return all(
		func() error { return k.d.once(files...) },
		func() error { return k.d.kept(k.l) },
		k.d.verified,
	)
}

// killed runs rounds until n kills have hit a living process.
func killed(t testing.TB, bin string, n int, rng *rand.Rand) (*killing, error) {
	k := &killing{
		d: newDock(t, bin, t.TempDir()), rng: rng, l: newLedger(),
		span: 200 * time.Millisecond, every: 25, size: 200_000,
	}
	for k.alive < n {
		if err := k.camera(); err != nil {
			return k, err
		}
	}
	return k, nil
}

// TestKilled: SIGKILL at any moment loses nothing that was acknowledged, takes
// no clip twice and never turns the log back (P2, P3, P6, fault 31).
func TestKilled(t *testing.T) {
	rng, _ := random(t)
	start := time.Now()
	k, err := killed(t, testbench.Build(t), scaled(500, 20), rng)
	t.Logf("%d kills of a living process in %v: %d before its first entry, %d with clips in the spool, %d after an acknowledgement; %d runs ended before",
		k.alive, time.Since(start).Round(time.Second), k.early, k.spooled, k.printed, k.complete)
	if err != nil {
		t.Fatal(err)
	}
	if !testing.Short() && (k.spooled < 10 || k.printed < 10) {
		t.Error("too few kills hit real work")
	}
}

package journey

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/longlog"
)

// TestLongLog: the size of the log shows neither in the start of the program
// nor in a proof: below 2 s and 10 ms.
func TestLongLog(t *testing.T) {
	d := newDock(t, testbench.Build(t), t.TempDir())
	r := d.run("init")
	if r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	entries := scaled(1_000_000, 20_000)
	start := time.Now()
	d.lengthen(strings.TrimSpace(r.Stdout), entries)
	t.Logf("made %d entries in %v", entries, time.Since(start).Round(time.Second))

	best := time.Hour
	for range 3 {
		start := time.Now()
		if r := d.run("status", "--json"); r.Code != 0 {
			t.Fatal(r.Stderr)
		}
		best = min(best, time.Since(start))
	}
	t.Logf("start of the program in %v", best)
	if best > 2*time.Second {
		t.Errorf("start took %v", best)
	}
	cam, files := camera(t, 1, 1000, 1)
	l := newLedger()
	if _, err := d.finish(l, cam); err != nil {
		t.Fatal(err)
	}
	if l.acked[fmt.Sprintf("%s-%d", logOf(t, d), entries+3)] != files[0].SHA256 {
		t.Errorf("the clip is no entry behind the others: %v", l.acked)
	}
	if r := d.run("log", "prove", fmt.Sprint(entries/3)); r.Code != 0 || !strings.HasPrefix(r.Stdout, "c2sp.org/tlog-proof@v1") {
		t.Errorf("exit %d: %q%s", r.Code, r.Stdout, r.Stderr)
	}
}

func logOf(t testing.TB, d *dock) string {
	t.Helper()
	p, err := head(d.archive())
	if err != nil {
		t.Fatal(err)
	}
	return p.name
}

// lengthen adds entries to the log behind the program's back and wants each of
// some proofs within its time.
func (d *dock) lengthen(vkey string, entries int) {
	d.t.Helper()
	fatal := func(err error) {
		if err != nil {
			d.t.Fatal(err)
		}
	}
	l, err := longlog.Open(d.state, vkey)
	fatal(err)
	defer func() { fatal(l.Close()) }()
	fatal(l.Lengthen(d.t.Context(), entries))
	const limit = 10 * time.Millisecond
	for n := int64(0); n < int64(entries); n += int64(entries/10 + 1) {
		took := time.Hour
		for range 3 { // the best of some: other tests run beside this one
			start := time.Now()
			_, err := l.Prove(n)
			fatal(err)
			took = min(took, time.Since(start))
		}
		if took > limit {
			d.t.Errorf("proof of entry %d took %v", n, took)
		}
	}
}

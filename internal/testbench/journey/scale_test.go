package journey

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

// TestManyFiles: a camera with 100,000 small files is taken whole in bounded
// memory (fault 23).
func TestManyFiles(t *testing.T) {
	n := scaled(100_000, 2_000)
	cam := t.TempDir()
	for i := range n {
		dir := filepath.Join(cam, fmt.Sprintf("%03d", i/1000))
		if i%1000 == 0 {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		name := filepath.Join(dir, fmt.Sprintf("A11_1111111_100234_20260301080000_%06d.mp4", i))
		if err := os.WriteFile(name, fmt.Appendf(nil, "clip %d", i), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := newDock(t, testbench.Build(t), t.TempDir())
	start := time.Now()
	r := d.cmd("ingest", "--json", cam).Start(t).WaitFor(15 * time.Minute)
	out, err := hear(r.Stdout)
	if err != nil || r.Code != 0 || out.summary == nil || out.summary.Stored != n {
		t.Fatalf("ingest ended with %d, %v: %s%s", r.Code, err, tail(r.Stdout), tail(r.Stderr))
	}
	t.Logf("%d files in %v, peak %d MiB", n, time.Since(start).Round(time.Second), r.Peak>>20)
	if r.Peak > 128<<20 {
		t.Errorf("peak of %d MiB", r.Peak>>20)
	}
}

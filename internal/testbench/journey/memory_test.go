package journey

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

// TestOutOfMemory: the kernel kills an ingest that has hit the limit of its
// control group; that is as good as any other kill (fault 37).
func TestOutOfMemory(t *testing.T) {
	bin := testbench.Build(t)
	d := newDock(t, bin, t.TempDir())
	l := newLedger()
	if r := d.run("init"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	var cams []string
	var files []testbench.File
	killed := 0
	for i, mib := range []int64{8, 7, 6, 5, 9, 10, 11, 12}[:scaled(8, 1)] {
		cam, made := camera(t, 8, 3<<20, uint64(i))
		cams, files = append(cams, cam), append(files, made...)
		group := memoryGroup(t, mib<<20)
		c := d.cmd("ingest", "--json", "--wait", "5s", cam)
		c.Args = append([]string{"-c", `echo $$ > "$0" && exec "$@"`, group, c.Bin}, c.Args...)
		c.Bin = "sh"
		r := c.Start(t).WaitFor(2 * testbench.Patience)
		acks, err := l.note(r.Stdout)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d MiB: exit %d, %d acknowledged", mib, r.Code, acks)
		if r.Code == -1 {
			killed++
		}
		if err := l.look(d.archive()); err != nil {
			t.Error(err)
		}
	}
	if killed == 0 {
		t.Error("nothing was killed")
	}
	if _, err := d.finish(l, cams...); err != nil {
		t.Fatal(err)
	}
	err := all(func() error { return d.once(files...) }, func() error { return d.kept(l) }, d.verified)
	if err != nil {
		t.Error(err)
	}
}

// memoryGroup makes a control group that may use so many bytes, and gives the
// file that takes its processes. Both versions of cgroups will do.
func memoryGroup(t testing.TB, limit int64) string {
	t.Helper()
	const v1, v2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"
	parent, file := v1, "memory.limit_in_bytes"
	if _, err := os.Stat(filepath.Join(v1, file)); err != nil {
		parent, file = v2, "memory.max"
		err := os.WriteFile(filepath.Join(v2, "cgroup.subtree_control"), []byte("+memory"), 0)
		if err != nil {
			t.Fatalf("no control group can limit memory here: %v", err)
		}
	}
	group, err := os.MkdirTemp(parent, "custodock-journey-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		await(t, "the control group is empty", func() bool {
			return !errors.Is(syscall.Rmdir(group), syscall.EBUSY)
		})
	})
	if err := os.WriteFile(filepath.Join(group, file), []byte(strconv.FormatInt(limit, 10)), 0); err != nil {
		t.Fatal(err)
	}
	for _, swap := range []string{"memory.memsw.limit_in_bytes", "memory.swap.max"} {
		value := fmt.Sprint(limit)
		if strings.HasSuffix(swap, "max") {
			value = "0"
		}
		if _, err := os.Stat(filepath.Join(group, swap)); err == nil {
			if err := os.WriteFile(filepath.Join(group, swap), []byte(value), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	return filepath.Join(group, "cgroup.procs")
}

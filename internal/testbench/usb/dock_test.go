package usb

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

const (
	state  = "/var/dock"
	config = "/tmp/custodock.yaml"
)

// dockUser is the user and group custodock of the machine.
const dockUser = 900

// What every dock here has. A socket is a port on the buses of both speeds, so
// that "1-1" is that of what sits in "2-1" too; "3-1" is where a gadget comes.
const (
	settings = "zone: UTC\nboard: \"\"\npolicy: central\n"
	bays     = `bays:
  - {name: bay-01, path: "1-1"}
  - {name: bay-02, path: "1-2"}
  - {name: bay-03, path: "3-1"}
`
)

// dock is a machine in which the daemon and, as root, its helper run.
type dock struct {
	t       *testing.T
	m       *qemu.Machine
	mounter *qemu.Job
	daemon  *qemu.Job
}

// newDock starts a dock with the usual bays and more settings, and flags of the
// helper.
func newDock(t *testing.T, m *qemu.Machine, more string, flags ...string) *dock {
	t.Helper()
	return newDockOf(t, m, bays+more, flags...)
}

func newDockOf(t *testing.T, m *qemu.Machine, more string, flags ...string) *dock {
	t.Helper()
	d := &dock{t: t, m: m}
	d.m.WriteFile(config, []byte(settings+more))
	d.m.Must("mkdir", "-p", "/run/custodock-mounter", state)
	d.mounter = d.m.Start(append([]string{"custodock", "--config", config, "mounter"}, flags...)...)
	d.mounter.Await(`"?serve"?`)
	d.run()
	return d
}

// run starts the daemon, which has no rights but to its state.
func (d *dock) run() {
	d.t.Helper()
	d.m.Must("chown", "900:900", state)
	d.daemon = d.m.StartAs(dockUser, "custodock", "--config", config, "--state", state, "run")
	d.daemon.Await(`ready|running|serving|msg=`)
	d.m.Must("test", "-S", state+"/socket")
}

// ask puts one question to the daemon.
func (d *dock) ask(call, body string) string {
	d.t.Helper()
	code, text := d.m.Ask(state+"/socket", http.MethodPost, "/v1/"+call, body)
	if code != http.StatusOK {
		d.t.Fatalf("%s: %d %s", call, code, text)
	}
	return text
}

func (d *dock) status() ingest.Status {
	d.t.Helper()
	var s ingest.Status
	if err := json.Unmarshal([]byte(d.ask("status", "{}")), &s); err != nil {
		d.t.Fatal(err)
	}
	return s
}

// await waits until the bay of a name, or on a port where it has none, is as cond
// wants it.
func (d *dock) await(bay, what string, cond func(ingest.BayStatus) bool) ingest.BayStatus {
	d.t.Helper()
	var last ingest.Status
	var found ingest.BayStatus
	met := false
	defer func() {
		if !met {
			_, helper := d.mounter.Output()
			_, daemon := d.daemon.Output()
			d.t.Logf("the bays are %+v, the alarms %+v; the mounter said %s, the daemon %s", last.Bays, last.Alarms, helper, daemon)
		}
	}()
	d.m.Await(bay+" "+what, func() bool {
		last = d.status()
		i := slices.IndexFunc(last.Bays, func(b ingest.BayStatus) bool { return b.Bay == bay })
		if i < 0 {
			return false
		}
		found = last.Bays[i]
		met = cond(found)
		return met
	})
	return found
}

// alarmed reports whether an alarm of this code stands.
func (d *dock) alarmed(code string) bool {
	d.t.Helper()
	return slices.ContainsFunc(d.status().Alarms, func(a ingest.Alarm) bool { return a.Code == code })
}

// file is a clip that a test has made.
type file = testbench.File

func mayTake(b ingest.BayStatus) bool { return b.MayTake && b.State == ingest.BayDone }

// clips are what the dock has recorded.
func (d *dock) clips() []ingest.ClipView {
	d.t.Helper()
	var out []ingest.ClipView
	lines(d.t, d.ask("clips", "{}"), func(line []byte) error {
		var l struct{ Clip *ingest.ClipView }
		err := json.Unmarshal(line, &l)
		if l.Clip != nil {
			out = append(out, *l.Clip)
		}
		return err
	})
	return out
}

// entries gives the log's entries of one type.
func (d *dock) entries(kind string) []map[string]any {
	d.t.Helper()
	var out []map[string]any
	for n := range d.status().Size {
		var e struct{ Bytes []byte }
		text := d.ask("entry", fmt.Sprintf(`{"what":"%d"}`, n))
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			d.t.Fatalf("entry %d is %q: %v", n, text, err)
		}
		var fields map[string]any
		if err := json.Unmarshal(e.Bytes, &fields); err != nil {
			d.t.Fatalf("entry %d is %q: %v", n, e.Bytes, err)
		}
		if fields["type"] == kind {
			out = append(out, fields)
		}
	}
	return out
}

// want wants exactly these files to be recorded and stored, each once.
func (d *dock) want(files []testbench.File) {
	d.t.Helper()
	var want, have []string
	for _, f := range files {
		want = append(want, f.SHA256)
	}
	for _, c := range d.clips() {
		have = append(have, c.SHA256)
		if c.State != "stored" {
			d.t.Errorf("clip %s is %s", c.Clip, c.State)
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(want, have) {
		d.t.Errorf("clips are %v, want %v", have, want)
	}
}

// verified wants everything in the store to be whole.
func (d *dock) verified() {
	d.t.Helper()
	if r := d.m.Run("custodock", "--config", config, "--state", state, "verify", "--all"); r.Code != 0 {
		d.t.Errorf("verify --all ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
}

func lines(t *testing.T, text string, each func([]byte) error) {
	t.Helper()
	s := bufio.NewScanner(strings.NewReader(text))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if err := each(s.Bytes()); err != nil {
			t.Fatalf("line %q: %v", s.Text(), err)
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
}

// camera is a folder of n clips of size bytes, as a camera lays them out.
func camera(t *testing.T, n int, size int64, seed uint64) (string, []testbench.File) {
	t.Helper()
	dir := t.TempDir()
	return dir, testbench.Clips(t, filepath.Join(dir, "DCIM", "100MEDIA"), n, size, seed)
}

// resumed are the bytes of each clip that an earlier docking had read, as its
// record has them.
func (d *dock) resumed() (at []int64) {
	d.t.Helper()
	for _, c := range d.clips() {
		var detail ingest.ClipDetail
		if err := json.Unmarshal([]byte(d.ask("show", fmt.Sprintf(`{"what":%q}`, c.Clip))), &detail); err != nil {
			d.t.Fatal(err)
		}
		var record struct {
			ResumedAt int64 `json:"resumed_at"`
		}
		if err := json.Unmarshal([]byte(detail.Custody[0].Record), &record); err != nil {
			d.t.Fatalf("the record of %s is %q: %v", c.Clip, detail.Custody[0].Record, err)
		}
		at = append(at, record.ResumedAt)
	}
	return at
}

// unlisted wants a disk to be in no mount table of the machine.
func (d *dock) unlisted(serial string) {
	d.t.Helper()
	node := d.m.Device(serial)
	number := strings.TrimSpace(d.m.Must("cat", "/sys/class/block/"+path.Base(node)+"/dev"))
	for line := range strings.Lines(d.m.Must("sh", "-c", "cat /proc/[0-9]*/mountinfo")) {
		if f := strings.Fields(line); f[2] == number || strings.Contains(line, node) {
			d.t.Errorf("somebody sees the camera: %s", line)
		}
	}
}

// all are the files of several cameras.
func all(cameras map[string][]testbench.File) []testbench.File {
	return slices.Concat(slices.Collect(maps.Values(cameras))...)
}

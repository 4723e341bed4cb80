package usb

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
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

// dock is a machine with a running daemon, which takes what is mounted below
// /media.
type dock struct {
	t *testing.T
	m *qemu.Machine
}

func newDock(t *testing.T, image *qemu.Image) *dock {
	t.Helper()
	d := &dock{t, image.Boot(t)}
	d.m.WriteFile(config, []byte("zone: UTC\nboard: \"\"\npolicy: central\n"))
	daemon := d.m.Start("custodock", "--config", config, "--state", state, "run")
	daemon.Await(`ready|running|serving|msg=`)
	d.m.Must("test", "-S", state+"/socket")
	return d
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

// await waits until a bay is as cond wants it.
func (d *dock) await(path, what string, cond func(ingest.BayStatus) bool) ingest.BayStatus {
	d.t.Helper()
	var last ingest.BayStatus
	defer func() {
		if d.t.Failed() {
			d.t.Logf("the bay is %+v", last)
		}
	}()
	d.m.Await(path+" "+what, func() bool {
		for _, b := range d.status().Bays {
			if b.Path == path {
				last = b
				return cond(b)
			}
		}
		return false
	})
	return last
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

// mount mounts a plugged disk below /media, as an automounter would.
func (d *dock) mount(serial string) string {
	d.t.Helper()
	point := "/media/" + serial
	d.m.Mount(d.m.Device(serial), point, "ro,nosuid,nodev,noexec")
	return point
}

// all are the files of several cameras.
func all(cameras map[string][]testbench.File) []testbench.File {
	return slices.Concat(slices.Collect(maps.Values(cameras))...)
}

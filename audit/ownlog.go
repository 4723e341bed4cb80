package audit

import (
	"bufio"
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device/profile"
)

// MaxDeviceLog is the size of the largest log of a device that is read, in bytes.
const MaxDeviceLog = 16 << 20

// about is how far the time in a device's log and that in a name may be apart: both
// are of one clock.
const about = 10 * time.Minute

// DeviceLog is a file in which a device keeps what it recorded.
type DeviceLog struct {
	Clip   string
	Digest clip.Digest
	Size   int64 // bytes

	docking int64
	camera  *camera
	rule    *profile.LogFile
}

// logged is a recording that a log names.
type logged struct {
	seq int64
	at  time.Time
}

// DeviceLogs are the devices' own logs among the clips taken so far. Each is to be
// given to ReadLog, or to Unread.
func (g *Gaps) DeviceLogs() (all []DeviceLog) {
	for _, id := range slices.Sorted(maps.Keys(g.cameras)) {
		all = append(all, g.cameras[id].logs...)
	}
	return all
}

// ReadLog takes the bytes of a device's log, which are those of its digest.
func (g *Gaps) ReadLog(l DeviceLog, content []byte) {
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content)+1)
	for lines.Scan() {
		said, ok := l.rule.Read(lines.Text())
		if k := (logged{said.Seq, said.At}); ok && l.camera.logged[k] == nil {
			l.camera.logged[k] = &l
		}
	}
}

// Unread says that a log cannot be read: nothing can be said by it.
func (g *Gaps) Unread(l DeviceLog) { l.camera.unread++ }

// ownLog looks for recordings that the device's own log names.
func (c *camera) ownLog(d *Device, _ string) (gaps []Gap) {
	if c.unread > 0 {
		d.doubt("log_unread", int64(c.unread), "")
	}
	here := map[int64][]file{}
	for _, f := range c.files {
		if f.recording() && f.numbered {
			here[f.number.N] = append(here[f.number.N], f)
		}
	}
	for _, files := range here {
		slices.SortFunc(files, func(a, b file) int { return a.named.Compare(b.named) })
	}
	order := slices.SortedFunc(maps.Keys(c.logged), func(a, b logged) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.seq, b.seq))
	})
	for _, l := range order {
		if from := c.logged[l]; !l.among(here[l.seq]) {
			gaps = append(gaps, Gap{Kind: GapLogged, Docking: from.docking, From: from.Clip, What: strconv.FormatInt(l.seq, 10), Count: 1})
		}
	}
	return gaps
}

// among reports whether one of the files with its number, in the order of the times
// in their names, can be the recording that a log names.
func (l logged) among(files []file) bool {
	if len(files) == 0 || l.at.IsZero() || files[0].named.IsZero() {
		return len(files) > 0
	}
	i, _ := slices.BinarySearchFunc(files, l.at.Add(-about), func(f file, t time.Time) int { return f.named.Compare(t) })
	return i < len(files) && !files[i].named.After(l.at.Add(about))
}

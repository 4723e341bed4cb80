package ingest

import (
	"errors"
	"os"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/profile"
	"github.com/custodock/custodock/manifest"
)

// why is the one reason for which a file stays on its camera, "" when none is
// left. It is the end of a message key.
type why string

const (
	whyUnable      why = "unable"      // this way to a camera cannot erase
	whyOff         why = "off"         // the configuration says never
	whyUncertain   why = "uncertain"   // two sources do not say whose camera it is
	whyBack        why = "back"        // files it erased are back on it
	whyIncomplete  why = "incomplete"  // it was not read and listed to its end
	whyUnread      why = "unread"      // the file was not read whole in this docking
	whyOther       why = "other"       // the log has another clip of that name
	whyProtected   why = "protected"   // the camera was told to keep it
	whyIdentity    why = "identity"    // the file says which camera it is
	whyHeld        why = "held"        // somebody was told to keep it
	whyDamaged     why = "damaged"     // a store was found not to have it
	whyUnconfirmed why = "unconfirmed" // too few stores read it back whole
	whySameDisk    why = "same_disk"   // a store that did is on the dock's own disk
	whyUnlocked    why = "unlocked"    // or does not lock it long enough
	whyUnpublished why = "unpublished" // or does not show the log that says so
	whyUncosigned  why = "uncosigned"  // or witnesses did not cosign that log yet
	whyClock       why = "clock"       // the dock's clock was not synchronised
	whyDays        why = "days"        // it is too early
	whyManual      why = "manual"      // an admin has to say so
	whyChanged     why = "changed"     // it has other bytes than were read
	whyReadOnly    why = "read_only"   // the camera cannot be written
	whyGone        why = "gone"        // it was taken out
	whyFailed      why = "failed"      // it did not erase
)

// modeManual is the mode in an erase.begun entry that an admin ordered.
const modeManual = configs.EraseManual

// claim is a file of this docking that was read whole and kept still, or that
// is known and has the same samples, and the clip it is.
type claim struct {
	path string
	n    int64
	size int64
	stay why // settled for this docking
}

// judgement is one look at which files may go from a camera. What is the same
// for all of them is asked once.
type judgement struct {
	d         *docking
	cfg       *configs.Config
	now       time.Time
	clock     manifest.Clock
	order     bool // an admin ordered it
	witnesses []witness
	cosigned  int64 // entries under a checkpoint that has the cosignatures wanted
	whole     why   // for which none may go
}

// judge asks what holds for all files of the docking.
func (d *docking) judge(order bool) judgement {
	s := d.s
	j := judgement{d: d, cfg: s.conf(), now: s.now(), clock: s.clock(), order: order}
	stopped := false
	_ = s.db.View(func(tx *bbolt.Tx) error {
		stopped = tx.Bucket(metaBucket).Get([]byte(stoppedPrefix+d.origin.device)) != nil
		return nil
	})
	switch {
	case j.cfg.Erase.Mode == configs.EraseNever:
		j.whole = whyOff
	case d.want.oneshot || d.want.drop:
		j.whole = whyUnable
	case !s.erasing.certain(d):
		j.whole = whyUncertain
	case stopped && !order:
		j.whole = whyBack
	case !d.complete:
		j.whole = whyIncomplete
	case s.healthy() != nil:
		j.whole = whyUnpublished
	}
	for _, c := range s.centrals() {
		j.witnesses = append(j.witnesses, s.witness(c))
	}
	if j.cfg.Erase.Cosigned {
		j.cosigned = s.cosignedSize()
	}
	return j
}

// mayErase is promise P1 but for the last look at the bytes, which is taken
// where they are erased: it returns "" when the file may go, else why it stays.
// Everything is the dock's own knowledge; nothing the camera says of times
// counts.
func (j judgement) mayErase(f claim) why {
	switch {
	case j.whole != "":
		return j.whole
	case f.stay != "":
		return f.stay
	}
	r, held, same := j.look(f)
	switch {
	case !same:
		return whyOther
	case j.d.profile.Classify(f.path).Protected:
		return whyProtected
	case j.names(f.path):
		return whyIdentity
	case held:
		return whyHeld
	}
	if reason := j.proved(r); reason != "" {
		return reason
	}
	if reason := j.timely(r); reason != "" {
		return reason
	}
	return j.d.marked(f.path)
}

// look finds the clip of a file, and whether it is exactly that: the same
// source, path and number of bytes.
func (j judgement) look(f claim) (r row, held, same bool) {
	err := j.d.s.db.View(func(tx *bbolt.Tx) (err error) {
		c := catalog{tx}
		if r, err = c.clip(f.n); err != nil {
			return err
		}
		held = tx.Bucket(heldBucket).Get(key(f.n)) != nil
		same = j.d.acquisition(c.tx, f.path, r.SHA256) == f.n && r.Size == f.size
		return nil
	})
	return r, held, same && err == nil
}

// timely reports "" when the mode has nothing against it. Days count on the
// dock's clock, and only where it was synchronised at both ends.
func (j judgement) timely(r row) why {
	switch {
	case j.order:
		return ""
	case j.cfg.Erase.Mode == configs.EraseManual:
		return whyManual
	case j.cfg.Erase.Mode == configs.EraseAfterConfirmed:
		return ""
	}
	e, err := j.entry(r.N)
	switch {
	case err != nil, !e.Clock.Synced, !j.clock.Synced:
		return whyClock
	case j.now.Before(j.due(r)):
		return whyDays
	}
	return ""
}

// due is when the days of a clip are over.
func (j judgement) due(r row) time.Time {
	return r.Ingested.Add(time.Duration(j.cfg.Erase.Days) * 24 * time.Hour)
}

func (j judgement) entry(n int64) (manifest.Entry, error) {
	raw, err := j.d.s.ledger.Entry(n)
	if err != nil {
		return manifest.Entry{}, err
	}
	return manifest.ParseEntry(raw)
}

// marked reports "" when the camera's file system does not mark a file as one to
// be kept.
func (d *docking) marked(path string) why {
	const writable os.FileMode = 0o222
	f, err := d.folder.Open(path)
	if err != nil {
		return unreachable(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return unreachable(err)
	case info.Mode().Perm()&writable == 0:
		return whyProtected
	}
	return ""
}

// names reports whether a file says which camera it is: without it the camera
// would be nobody's at its next docking, and what was begun never settled.
func (j judgement) names(path string) bool {
	return slices.ContainsFunc(j.d.profile.IDFiles(), func(f profile.IDFile) bool { return f.Match(path) })
}

func unreachable(err error) why {
	if errors.Is(err, device.ErrGone) {
		return whyGone
	}
	return whyUnread
}

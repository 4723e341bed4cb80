package ingest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device/profile"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// eligible is a docked camera with one file that may go: each case of the table
// takes one condition away.
type eligible struct {
	s   *Station
	d   *docking
	f   claim
	cam string
}

// ready takes a camera in and waits until its file may go. The docking is in no
// bay, so nothing goes by itself.
func ready(t *testing.T, o Options) *eligible {
	t.Helper()
	s := openErasing(t, o)
	cam := filmed(t, "DCIM/RO/a.mp4")
	c := openCard(t, cam)
	d := s.newDocking(c, s.newBay("x", "", cam, false), cam, wishes{actor: "dock"})
	if err := d.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	d.complete = true
	f := d.claims["DCIM/RO/a.mp4"]
	until(t, s, "proved", func(Status) bool { return d.judge(false).mayErase(f) == "" })
	return &eligible{s: s, d: d, f: f, cam: cam}
}

// change rewrites what the dock knows of the clip.
func (e *eligible) change(t *testing.T, f func(*row)) {
	t.Helper()
	err := e.s.db.Update(func(tx *bbolt.Tx) error {
		c := catalog{tx}
		r, err := c.clip(e.f.n)
		if err != nil {
			return err
		}
		f(&r)
		return c.putClip(r)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// enter adds an entry about the clip.
func (e *eligible) enter(t *testing.T, typ string, fields manifest.Object) (n int64) {
	t.Helper()
	r, err := e.s.rowOf(e.f.n)
	if err != nil {
		t.Fatal(err)
	}
	fields["clip"], fields["leaf"] = clipName(e.s.log, r.N), r.Leaf
	err = e.s.commit(context.Background(), func(tx *ledger.Tx) error {
		entry, err := e.s.append(tx, manifest.Draft{Type: typ, Actor: "dock", Fields: fields})
		n = entry.N
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	e.show(t)
	return n
}

// show waits until the store shows the whole log.
func (e *eligible) show(t *testing.T) {
	t.Helper()
	size := e.s.ledger.Size()
	e.s.markDirty()
	until(t, e.s, "published", func(st Status) bool { return st.Published >= size })
}

// confirm enters a reading back that says something else than the true one.
func (e *eligible) confirm(t *testing.T, other manifest.Object) {
	t.Helper()
	fields := manifest.Object{}
	for k, v := range field(t, e.s, clipName(e.s.log, e.f.n), "clip.confirmed").Fields {
		fields[k] = v
	}
	for k, v := range other {
		fields[k] = v
	}
	e.enter(t, "clip.confirmed", fields)
}

func (e *eligible) conf(f func(*configs.Config)) {
	cfg := *e.s.conf()
	f(&cfg)
	e.s.cfg.Store(&cfg)
}

// conditions are those of promise P1, each with what takes it away.
var conditions = map[string]struct {
	want why
	take func(t *testing.T, e *eligible)
}{
	"nothing": {"", func(*testing.T, *eligible) {}},
	"the configuration says never": {whyOff, func(_ *testing.T, e *eligible) {
		e.conf(func(c *configs.Config) { c.Erase.Mode = configs.EraseNever })
	}},
	"identity is not certain": {whyUncertain, func(_ *testing.T, e *eligible) {
		e.s.erasing.certain = func(*docking) bool { return false }
	}},
	"the listing was not complete": {whyIncomplete, func(_ *testing.T, e *eligible) { e.d.complete = false }},
	"files came back": {whyBack, func(t *testing.T, e *eligible) {
		err := e.s.commit(context.Background(), func(tx *ledger.Tx) error { return e.d.enterStopped(tx, nil) })
		if err != nil {
			t.Fatal(err)
		}
	}},
	"the log is forked": {whyUnpublished, func(_ *testing.T, e *eligible) {
		e.s.alarms.raise("log_forked", context.Canceled, e.s.now())
	}},
	"another size":   {whyOther, func(_ *testing.T, e *eligible) { e.f.size++ }},
	"another path":   {whyOther, func(_ *testing.T, e *eligible) { e.f.path = "DCIM/b.mp4" }},
	"another source": {whyOther, func(_ *testing.T, e *eligible) { e.d.origin.source.ID = "c018" }},
	"another clip":   {whyOther, func(t *testing.T, e *eligible) { e.f.n = 0 }},
	"it changed":     {whyChanged, func(_ *testing.T, e *eligible) { e.f.stay = whyChanged }},
	"protected by its name": {whyProtected, func(_ *testing.T, e *eligible) {
		e.d.profile = e.s.profiles.Load().Named("novatek")
	}},
	"it says which camera it is": {whyIdentity, func(t *testing.T, e *eligible) {
		set, err := profile.Load(fstest.MapFS{
			"generic.yaml": {Data: []byte("name: generic\n")},
			"x.yaml":       {Data: []byte("name: x\nmatch:\n  paths: [\"*.mp4\"]\nids:\n  - file: \"**/*.mp4\"\n    pattern: 'id=([0-9]+)'\n")},
		}, "")
		if err != nil {
			t.Fatal(err)
		}
		e.d.profile = set.Named("x")
	}},
	"marked read-only": {whyProtected, func(t *testing.T, e *eligible) {
		if err := os.Chmod(filepath.Join(e.cam, e.f.path), 0o444); err != nil {
			t.Fatal(err)
		}
	}},
	"held": {whyHeld, func(t *testing.T, e *eligible) { e.enter(t, "clip.held", manifest.Object{}) }},
	"damaged": {whyDamaged, func(t *testing.T, e *eligible) {
		e.enter(t, "clip.damaged", manifest.Object{"store": "centre", "found": "nothing"})
	}},
	"not read back": {whyUnconfirmed, func(t *testing.T, e *eligible) {
		e.change(t, func(r *row) { delete(r.Proofs, "centre") })
	}},
	"not stored": {whyUnconfirmed, func(t *testing.T, e *eligible) {
		e.change(t, func(r *row) { delete(r.Stored, "centre") })
	}},
	"stored again since": {whyUnconfirmed, func(t *testing.T, e *eligible) {
		e.change(t, func(r *row) { r.Stored["centre"] = r.Proofs["centre"].Entry + 1 })
	}},
	"another version read back": {whyUnconfirmed, func(t *testing.T, e *eligible) { e.confirm(t, manifest.Object{"version": "v2"}) }},
	"another digest read back":  {whyUnconfirmed, func(t *testing.T, e *eligible) { e.confirm(t, manifest.Object{"sha256": clip.Digest{}.String()}) }},
	"another size read back":    {whyUnconfirmed, func(t *testing.T, e *eligible) { e.confirm(t, manifest.Object{"size": int64(1)}) }},
	"the proof is no confirmation": {whyUnconfirmed, func(t *testing.T, e *eligible) {
		e.change(t, func(r *row) { p := r.Proofs["centre"]; p.Entry++; r.Proofs["centre"] = p })
	}},
	"two copies wanted": {whyUnconfirmed, func(_ *testing.T, e *eligible) {
		e.conf(func(c *configs.Config) { c.Copies.Confirmed = 2 })
	}},
	"no lock":            {whyUnlocked, func(t *testing.T, e *eligible) { e.confirm(t, manifest.Object{"lock": "none"}) }},
	"a weaker lock":      {whyUnlocked, func(t *testing.T, e *eligible) { e.confirm(t, manifest.Object{"lock": "governance"}) }},
	"a lock without end": {whyUnlocked, func(t *testing.T, e *eligible) { e.confirm(t, manifest.Object{"until": "soon"}) }},
	"a shorter lock": {whyUnlocked, func(t *testing.T, e *eligible) {
		e.confirm(t, manifest.Object{"until": formatTime(time.Now().Add(100 * 24 * time.Hour))})
	}},
	"a lock that is not asked": {whyUnlocked, func(_ *testing.T, e *eligible) { e.s.centrals()[0].cfg.Lock = configs.LockNone }},
	"a lock that ends": {whyUnlocked, func(t *testing.T, e *eligible) {
		e.change(t, func(r *row) { r.Ingested = r.Ingested.Add(-400 * 24 * time.Hour) })
		e.confirm(t, manifest.Object{"until": formatTime(time.Now().Add(lockMargin / 2))})
	}},
	"locks by a clock nobody set": {whyClock, func(_ *testing.T, e *eligible) {
		e.s.clock = func() manifest.Clock { return manifest.Clock{Source: "test"} }
	}},
	"not published": {whyUnpublished, func(t *testing.T, e *eligible) {
		e.shown(t, field(t, e.s, clipName(e.s.log, e.f.n), "clip.confirmed").N)
	}},
	"the camera is gone": {whyGone, func(t *testing.T, e *eligible) {
		if err := os.RemoveAll(e.cam); err != nil {
			t.Fatal(err)
		}
	}},
	"the days are not over": {whyDays, func(_ *testing.T, e *eligible) {
		e.conf(func(c *configs.Config) { c.Erase = configs.Erase{Mode: configs.EraseAfterDays, Days: 1} })
	}},
	"an admin has to say so": {whyManual, func(_ *testing.T, e *eligible) {
		e.conf(func(c *configs.Config) { c.Erase.Mode = configs.EraseManual })
	}},
}

// shown makes the dock believe that the store shows so many entries.
func (e *eligible) shown(t *testing.T, size int64) {
	t.Helper()
	err := e.s.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("log.shelf")).Put([]byte("centre"), key(size))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEachCondition: with any one of the conditions gone a file stays, and the
// reason is that one.
func TestEachCondition(t *testing.T) {
	for name, c := range conditions {
		t.Run(name, func(t *testing.T) {
			o, _ := eraseOptions(t)
			e := ready(t, o)
			c.take(t, e)
			if got := e.d.judge(false).mayErase(e.f); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestDays: days count from ingestion on the dock's clock, whatever the camera
// says, and only where that clock was synchronised then and is now.
func TestDays(t *testing.T) {
	for _, c := range []struct {
		name      string
		then, now bool
		after     time.Duration
		want      why
	}{
		{"too early", true, true, 47 * time.Hour, whyDays},
		{"over", true, true, 49 * time.Hour, ""},
		{"taken in by a wrong clock", false, true, 49 * time.Hour, whyClock},
		{"wrong clock now", true, false, 49 * time.Hour, whyClock},
	} {
		t.Run(c.name, func(t *testing.T) {
			archive := otherDisk(t)
			o := testOptions(t)
			eo, _ := eraseOptions(t)
			o.Daemon, o.Config.Devices = true, eo.Config.Devices
			o.Config.Stores = []configs.Store{storeAt("file://" + filepath.Join(archive, "store"))}
			o.Config.Erase = configs.Erase{Mode: configs.EraseAfterConfirmed}
			clock := manifest.Clock{Source: "test", Synced: c.then}
			o.Clock = func() manifest.Clock { return clock }
			e := ready(t, o)
			e.conf(func(cfg *configs.Config) { cfg.Erase = configs.Erase{Mode: configs.EraseAfterDays, Days: 2} })
			j := e.d.judge(false)
			j.now, j.clock.Synced = j.now.Add(c.after), c.now
			if got := j.mayErase(e.f); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			j.now = j.due(mustRow(t, e)).Add(-time.Minute)
			if got := (&erasure{d: e.d, left: []claim{e.f}}).next(j); got != time.Minute+eraseSoon {
				t.Errorf("a minute before it is looked at again in %v", got)
			}
		})
	}
}

func mustRow(t *testing.T, e *eligible) row {
	t.Helper()
	r, err := e.s.rowOf(e.f.n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOwnDiskFreesNoCamera: neither the embedded store nor a folder on the
// spool's file system is a witness, nor a disk that is away.
func TestOwnDiskFreesNoCamera(t *testing.T) {
	archive := otherDisk(t)
	away := filepath.Join(archive, "store")
	for name, c := range map[string]struct {
		url  string
		want why
	}{
		"embedded":  {"", whySameDisk},
		"same disk": {"file://" + t.TempDir(), whySameDisk},
		"another":   {"file://" + away, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := eraseOptions(t)
			o.OpenStore, o.Config.Stores = openDir, nil
			if c.url != "" {
				o.Config.Stores = []configs.Store{storeAt(c.url)}
			}
			s := openErasing(t, o)
			cam := filmed(t, "a.mp4")
			st := docked(t, s, cam, func(c *erasable) { c.early = true })
			until(t, s, "read back", func(Status) bool { return len(listed(t, s, "clip.confirmed")) == 1 })
			if c.want != "" {
				st.stays(t, c.want)
				if st.card.told != 0 || !exists(cam+"/a.mp4") {
					t.Error("erased")
				}
				return
			}
			st.erased(t, 1)
			p := s.centrals()[0]
			if got := s.witness(p).refuse; got != "" {
				t.Errorf("%q", got)
			}
			if err := os.Rename(away, away+".moved"); err != nil {
				t.Fatal(err)
			}
			if got := s.witness(p).refuse; got != whyUnconfirmed {
				t.Errorf("its disk is away: %q", got)
			}
		})
	}
}

package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// tamper changes the closed state and returns what opening it says.
func (b *bench) tamper(change func(tx *bbolt.Tx) error) error {
	b.t.Helper()
	b.close()
	db, err := OpenDB(filepath.Join(b.dir, "state.db"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.Update(change); err != nil {
		b.t.Fatal(err)
	}
	l, err := Open(db, b.options(b.t, b.dir))
	if err == nil {
		_ = l.Close()
	}
	return err
}

func TestOpenRefusesDamage(t *testing.T) {
	flip := func(bucket, key []byte, at int) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error {
			v := bytes.Clone(tx.Bucket(bucket).Get(key))
			v[at] ^= 1
			return tx.Bucket(bucket).Put(key, v)
		}
	}
	var older []byte
	for name, change := range map[string]func(tx *bbolt.Tx) error{
		"nothing":    func(*bbolt.Tx) error { return nil },
		"checkpoint": flip(bucketMeta, metaHead, 40),
		"sealed":     flip(bucketMeta, metaSealed, 40),
		"leaf":       flip(bucketHash, number(tlog.StoredHashIndex(0, 10)), 0),
		"node":       flip(bucketHash, number(tlog.StoredHashIndex(3, 0)), 31),
		"hash lost":  func(tx *bbolt.Tx) error { return tx.Bucket(bucketHash).Delete(number(tlog.StoredHashIndex(0, 10))) },
		"hash cut": func(tx *bbolt.Tx) error {
			return tx.Bucket(bucketHash).Put(number(tlog.StoredHashIndex(0, 10)), []byte("x"))
		},
		"checkpoint lost":  func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Delete(metaHead) },
		"older checkpoint": func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(metaHead, older) },
	} {
		b := newBench(t)
		b.add(3, false)
		older = b.Checkpoint()
		b.add(8, true)
		err := b.tamper(change)
		if errors.Is(err, ErrDamaged) == (name == "nothing") || name == "nothing" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenRefusesOthers(t *testing.T) {
	mine, other := newIdentity(t, 1), newIdentity(t, 2)
	stolen := mine
	stolen.skey = other.skey
	for name, change := range map[string]func(*Options){
		"another log":    func(o *Options) { *o = other.options(t, o.Dir) },
		"log name":       func(o *Options) { o.Log = "X" },
		"authority":      func(o *Options) { o.Authority = "a b" },
		"key of another": func(o *Options) { o.Key = other.vkey },
		"no key":         func(o *Options) { o.Key = "" },
		"no signer":      func(o *Options) { o.Signer = nil },
		"other verifier": func(o *Options) { o.Verifier = other.verifier(t) },
	} {
		b := newBench(t)
		b.add(1, false)
		b.close()
		db, err := OpenDB(filepath.Join(b.dir, "state.db"))
		if err != nil {
			t.Fatal(err)
		}
		o := mine.options(t, b.dir)
		change(&o)
		l, err := Open(db, o)
		if err == nil {
			_ = l.Close()
		}
		if err == nil || errors.Is(err, ErrDamaged) != (name == "other verifier") {
			t.Errorf("%s: %v", name, err)
		}
		_ = db.Close()
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	b := newBench(t)
	if db, err := OpenDB(filepath.Join(b.dir, "state.db")); err == nil {
		_ = db.Close()
		t.Error("state.db was opened twice")
	}
}

// A rotation signs with both keys for a while; then either key opens the log.
func TestRotation(t *testing.T) {
	b := newBench(t)
	b.add(2, true)
	b.close()
	skey, vkey, err := manifest.NewKey(b.Origin())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := manifest.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	b = openBench(t, b.dir, b.identity, func(o *Options) { o.Also = []note.Signer{signer} })
	b.add(1, true)
	b.close()
	b = openBench(t, b.dir, b.identity, func(o *Options) { o.Signer, o.Verifier = signer, verifier })
	b.add(1, true)
	if _, err := manifest.OpenCheckpoint(b.Checkpoint(), b.Origin(), verifier); err != nil {
		t.Error(err)
	}
	if err := b.Publish(ctx, "s", newShelf()); err != nil {
		t.Error(err)
	}
}

func TestDamagedFilesAreNamed(t *testing.T) {
	b := newBench(t)
	b.add(300, true)
	for name, n := range map[string]int64{
		manifest.LogPath(b.Log(), manifest.EntriesPath(0, 0)): 255,
		manifest.RecordPath(b.Log(), 0):                       297,
	} {
		path := filepath.Join(b.dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for what, data := range map[string][]byte{"cut": good[:len(good)-5], "flip": flipped(good, len(good)-9), "empty": {}, "gone": nil} {
			if data == nil {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if record, err := b.Record(n); err == nil {
				t.Errorf("%s %s: %s", name, what, record)
			}
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.checkAll()
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// A crash after the files of a Seal and before its transaction.
func TestSealInterrupted(t *testing.T) {
	b := newBench(t)
	b.add(10, true)
	b.add(500, false)
	b.commitTx = broken(1, errors.New("power cut"))
	if _, err := b.Seal(ctx); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	b = b.reopen()
	if size, _ := b.Sealed(); size != 10 {
		t.Fatalf("%d sealed", size)
	}
	b.checkAll()
	b.add(20, true)
	b.checkAll()
	// The records of both attempts are in one file.
	files, err := filepath.Glob(filepath.Join(b.dir, "record", b.Log(), "*"))
	if err != nil || len(files) != 2 {
		t.Errorf("%q, %v", files, err)
	}
	b.reopen().checkAll()
}

// A large backlog of records goes into several files.
func TestSealSplitsRecords(t *testing.T) {
	b := newBench(t)
	long := `{"x":"` + strings.Repeat("x", 6<<20) + `"}`
	err := b.Commit(ctx, func(tx *Tx) error {
		for i := range 4 {
			d := manifest.Draft{Type: "a.b", Actor: "dock", Record: fmt.Appendf(nil, `{"nonce":"%d"}`, i)}
			if i > 0 {
				d.Record = []byte(strings.Replace(long, "xxxx", fmt.Sprint(1000+i), 1))
			}
			if _, err := tx.Append(d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range recordLines/4096 + 1 {
		err := b.Commit(ctx, func(tx *Tx) error {
			for i := range 4096 {
				if _, err := tx.Append(manifest.Draft{Type: "a.b", Actor: "dock", Record: fmt.Appendf(nil, "{%d,%d}", tx.Size(), i)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Seal(ctx); err != nil {
		t.Fatal(err)
	}
	want := []string{"0", "3", fmt.Sprint(3 + recordLines)}
	for _, n := range want {
		if _, err := os.Stat(filepath.Join(b.dir, "record", b.Log(), n+".ndjson")); err != nil {
			t.Error(err)
		}
	}
	for _, n := range []int64{0, 2, 3, 3 + recordLines - 1, 3 + recordLines, b.Size() - 1} {
		if _, err := b.Record(n); err != nil {
			t.Error(err)
		}
	}
	s := newShelf()
	if err := b.Publish(ctx, "s", s); err != nil {
		t.Fatal(err)
	}
	s.check(b)
}

// grow appends n entries in jobs of 4096.
func (b *bench) grow(n int) {
	for n > 0 {
		b.add(min(n, 4096), false)
		n -= 4096
	}
}

// least is the shortest of three times that do took: it tells of the work, and not
// of what else runs on this machine.
func least(do func()) time.Duration {
	took := time.Hour
	for range 3 {
		start := time.Now()
		do()
		took = min(took, time.Since(start))
	}
	return took
}

// A large log opens, grows and proves in time that its size does not show in.
// It has tiles of three levels. The limits are far above what a laptop needs.
func TestLargeLog(t *testing.T) {
	b := newBench(t)
	b.grow(66_000)
	if _, err := b.Seal(ctx); err != nil {
		t.Fatal(err)
	}
	if d := least(func() { b = b.reopen() }); d > time.Second {
		t.Errorf("open took %v", d)
	}
	v := b.verifier(t)
	for n := int64(0); n < b.Size(); n += 9973 {
		var proof []byte
		var err error
		d := least(func() { proof, err = b.Prove(n) })
		if err != nil || d > 100*time.Millisecond {
			t.Errorf("proof of %d took %v: %v", n, d, err)
		}
		raw, err := b.Entry(n)
		if err != nil {
			t.Fatal(err)
		}
		p, err := manifest.ParseProof(proof)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Check(manifest.LeafHash(raw), b.Origin(), v); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkMillion builds a log of a million entries and reports what seal,
// open, prove and append cost then.
func BenchmarkMillion(bm *testing.B) {
	for range bm.N {
		timed := func(name string, fn func()) {
			start := time.Now()
			fn()
			bm.ReportMetric(float64(time.Since(start).Microseconds())/1000, name+"-ms")
		}
		b := newBench(bm)
		timed("build", func() { b.grow(1_000_000) })
		timed("seal", func() {
			if _, err := b.Seal(ctx); err != nil {
				bm.Fatal(err)
			}
		})
		timed("open", func() { b = b.reopen() })
		timed("prove", func() {
			if _, err := b.Prove(123_456); err != nil {
				bm.Fatal(err)
			}
		})
		timed("append", func() { b.add(1, false) })
		b.close()
	}
}

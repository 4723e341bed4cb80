package ledger

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// identity is a log's name and key, the same for the same seed.
type identity struct {
	skey, vkey string
	log        string
}

func newIdentity(t testing.TB, seed byte) identity {
	t.Helper()
	key := ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
	log := manifest.LogName(key.Public().(ed25519.PublicKey))
	skey, vkey, err := manifest.EncodeKey(manifest.Origin("example.org", log), key)
	if err != nil {
		t.Fatal(err)
	}
	return identity{skey, vkey, log}
}

func (id identity) options(t testing.TB, dir string) Options {
	t.Helper()
	signer, err := note.NewSigner(id.skey)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	return Options{
		Log: id.log, Authority: "example.org", Key: id.vkey, Signer: signer, Dir: dir,
		Now: func() time.Time { return now },
	}
}

func (id identity) verifier(t testing.TB) note.Verifier {
	t.Helper()
	v, err := manifest.ParseKey(id.vkey)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// bench is a state folder that can be closed and opened again.
type bench struct {
	identity
	*Ledger
	dir string
	db  *bbolt.DB
	t   testing.TB
}

func openBench(t testing.TB, dir string, id identity, change ...func(*Options)) *bench {
	t.Helper()
	b := &bench{identity: id, dir: dir, t: t}
	db, err := OpenDB(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	o := id.options(t, dir)
	for _, c := range change {
		c(&o)
	}
	b.db = db
	if b.Ledger, err = Open(db, o); err != nil {
		_ = db.Close()
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	return b
}

func newBench(t testing.TB, change ...func(*Options)) *bench {
	t.Helper()
	return openBench(t, t.TempDir(), newIdentity(t, 1), change...)
}

func (b *bench) close() {
	if b.db == nil {
		return
	}
	if err := errors.Join(b.Close(), b.db.Close()); err != nil {
		b.t.Error(err)
	}
	b.db = nil
}

func (b *bench) reopen() *bench {
	b.t.Helper()
	b.close()
	return openBench(b.t, b.dir, b.identity)
}

// draft has a record when i is a multiple of three.
func draft(i int) manifest.Draft {
	d := manifest.Draft{Type: "clip.ingested", Actor: "dock", Fields: manifest.Object{"size": int64(i)}}
	if i%3 == 0 {
		d.Record = fmt.Appendf(nil, `{"nonce":"%s","path":"DCIM/%d.MP4"}`, manifest.NewNonce(), i)
	}
	return d
}

// add appends n entries in one job and seals when asked.
func (b *bench) add(n int, seal bool) {
	b.t.Helper()
	err := b.Commit(context.Background(), func(tx *Tx) error {
		for range n {
			if _, err := tx.Append(draft(int(tx.Size()))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	if seal {
		if size, err := b.Seal(context.Background()); err != nil || size != b.Size() {
			b.t.Fatalf("seal: %d of %d, %v", size, b.Size(), err)
		}
	}
}

// checkAll reads the whole log back and compares it with its checkpoints.
func (b *bench) checkAll() {
	b.t.Helper()
	v := b.verifier(b.t)
	c, err := manifest.OpenCheckpoint(b.Checkpoint(), b.Origin(), v)
	if err != nil {
		b.t.Fatal(err)
	}
	if c.Size != b.Size() || c.Root != b.Root() {
		b.t.Fatalf("checkpoint says %d entries, log %d", c.Size, b.Size())
	}
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(ix []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, x := range ix {
			out = append(out, hashes[x])
		}
		return out, nil
	})
	for n := range c.Size {
		raw, err := b.Entry(n)
		if err != nil {
			b.t.Fatal(err)
		}
		e, err := manifest.ParseEntry(raw)
		if err != nil || e.N != n {
			b.t.Fatalf("entry %d: %v, %v", n, e, err)
		}
		record, err := b.Record(n)
		if e.Record == "" != errors.Is(err, ErrNoEntry) || e.Record != "" && manifest.RecordDigest(record).String() != e.Record {
			b.t.Fatalf("record of entry %d: %q, %v", n, record, err)
		}
		more, err := tlog.StoredHashes(n, raw, reader)
		if err != nil {
			b.t.Fatal(err)
		}
		hashes = append(hashes, more...)
	}
	root, err := tlog.TreeHash(c.Size, reader)
	if err != nil || root != c.Root {
		b.t.Fatalf("the entries give another root than the checkpoint: %v", err)
	}
	sealed, _ := b.Sealed()
	for n := int64(0); n < sealed; n += 1 + sealed/50 {
		raw, _ := b.Entry(n)
		proof, err := b.Prove(n)
		if err != nil {
			b.t.Fatal(err)
		}
		p, err := manifest.ParseProof(proof)
		if err != nil {
			b.t.Fatal(err)
		}
		if c, err := p.Check(manifest.LeafHash(raw), b.Origin(), v); err != nil || c.Size != sealed {
			b.t.Fatalf("proof of %d: %v", n, err)
		}
	}
}

func TestAppendReadReopen(t *testing.T) {
	b := newBench(t)
	b.checkAll()
	for _, step := range []struct {
		n    int
		seal bool
	}{{1, false}, {5, true}, {249, false}, {1, true}, {1, false}, {600, true}, {3, false}, {2, false}} {
		b.add(step.n, step.seal)
		b.checkAll()
	}
	size, msg := b.Size(), string(b.Checkpoint())
	b = b.reopen()
	if b.Size() != size || string(b.Checkpoint()) != msg {
		t.Fatalf("after opening again: %d entries, want %d", b.Size(), size)
	}
	b.checkAll()
}

func TestOutOfRange(t *testing.T) {
	b := newBench(t)
	b.add(2, true)
	b.add(2, false)
	for n, want := range map[int64][3]bool{-1: {}, 0: {true, true, true}, 1: {true, false, true}, 3: {true, true, false}, 4: {}} {
		_, entry := b.Entry(n)
		_, record := b.Record(n)
		_, proof := b.Prove(n)
		for i, err := range []error{entry, record, proof} {
			if (err == nil) != want[i] || err != nil && !errors.Is(err, ErrNoEntry) {
				t.Errorf("%s of %d: %v", []string{"entry", "record", "proof"}[i], n, err)
			}
		}
	}
}

func BenchmarkCommit64(b *testing.B) { benchmarkCommit(b, 64) }
func BenchmarkCommit1(b *testing.B)  { benchmarkCommit(b, 1) }

// benchmarkCommit measures durable entries a second with so many callers.
func benchmarkCommit(b *testing.B, callers int) {
	l := newBench(b)
	var wg sync.WaitGroup
	b.ResetTimer()
	for c := range callers {
		wg.Go(func() {
			for i := c; i < b.N; i += callers {
				err := l.Commit(context.Background(), func(tx *Tx) error {
					_, err := tx.Append(draft(i))
					return err
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

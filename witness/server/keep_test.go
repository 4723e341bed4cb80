package server

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/dir"
	"github.com/custodock/custodock/verify/verifytest"
	"github.com/custodock/custodock/witness"
	"github.com/custodock/custodock/witness/witnesstest"
)

// published is a log in a store folder and a witness that keeps it.
type published struct {
	t   *testing.T
	log *verifytest.Log
	w   *Witness
	dir string // of the witness
}

func newPublished(t *testing.T) *published {
	t.Helper()
	p := &published{t: t, log: verifytest.New(t, t.TempDir()), dir: t.TempDir()}
	p.log.Append("log.started", nil, nil)
	p.log.Publish()
	from, err := dir.OpenReader(p.log.Dir)
	if err != nil {
		t.Fatal(err)
	}
	p.w, err = Open(Options{Dir: p.dir, Name: "w.example/w", Logs: []string{p.log.Key}, Keep: []store.Reader{from}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.w.Close(); _ = from.Close() })
	return p
}

// grow adds entries with records, publishes them and has them cosigned.
func (p *published) grow(n int, typ string) {
	p.t.Helper()
	for range n {
		p.log.Append(typ, nil, map[string]string{"person": "secret"})
	}
	p.log.Publish()
	p.cosigned()
}

func (p *published) cosigned() {
	p.t.Helper()
	s, err := p.w.Status()
	if err != nil {
		p.t.Fatal(err)
	}
	msg := p.log.Checkpoint(p.log.Size())
	r := witness.Request{Old: s.Logs[0].Size, Checkpoint: msg}
	if r.Old > 0 {
		v, err := manifest.ParseKey(p.log.Key)
		if err != nil {
			p.t.Fatal(err)
		}
		c, err := manifest.OpenCheckpoint(msg, verifytest.Origin, v)
		if err != nil {
			p.t.Fatal(err)
		}
		tiles := manifest.HashReader(c, func(path string) ([]byte, error) {
			return os.ReadFile(filepath.Join(p.log.Dir, filepath.FromSlash(manifest.LogPath(verifytest.Name, path))))
		})
		if r.Proof, err = tlog.ProveTree(c.Size, r.Old, tiles); err != nil {
			p.t.Fatal(err)
		}
	}
	if code, _, body := post(p.t, p.w, r.Encode()); code != http.StatusOK {
		p.t.Fatalf("%d %s", code, body)
	}
}

func (p *published) kept() Kept {
	p.t.Helper()
	s, err := p.w.Status()
	if err != nil || s.Logs[0].Kept == nil {
		p.t.Fatal(s, err)
	}
	return *s.Logs[0].Kept
}

// TestKeep: tiles and entries are mirrored as far as they are cosigned, counted by
// type, and nothing else is; where a partial tile became full, too.
func TestKeep(t *testing.T) {
	p := newPublished(t)
	for _, n := range []int{1, 200, 54, 1, 600} { // 2, 202, 256, 257, 857
		p.grow(n, "docking.closed")
		if err := p.w.Keep(t.Context(), verifytest.Origin); err != nil {
			t.Fatal(err)
		}
		k := p.kept()
		want := map[string]int64{"log.started": 1, "docking.closed": p.log.Size() - 1}
		if d := cmp.Diff(want, k.Types); d != "" || k.Size != p.log.Size() || k.Problem != "" || !k.Last.Equal(p.log.Entry(k.Size-1).T) {
			t.Fatalf("%+v: %s", k, d)
		}
	}
	kept := 0
	err := filepath.WalkDir(filepath.Join(p.dir, "keep"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		kept++
		rel, err := filepath.Rel(filepath.Join(p.dir, "keep"), path)
		if err != nil {
			return err
		}
		here, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if there, err := os.ReadFile(filepath.Join(p.log.Dir, rel)); err != nil || !bytes.Equal(here, there) {
			t.Errorf("%s is not what the store has: %v", rel, err)
		}
		return nil
	})
	if err != nil || kept < 10 {
		t.Errorf("%d files, %v", kept, err)
	}
	rec := httptest.NewRecorder()
	p.w.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	if !strings.Contains(rec.Body.String(), "856 × docking.closed") || strings.Contains(rec.Body.String(), "secret") {
		t.Errorf("%s", rec.Body)
	}
}

// TestKeepRefuses: what does not hash to the cosigned root is not kept, and the
// status says so until the store has it right.
func TestKeepRefuses(t *testing.T) {
	p := newPublished(t)
	p.grow(299, "docking.closed")
	for _, rest := range []string{manifest.EntriesPath(1, 44), manifest.TilePath(tlog.Tile{H: 8, L: 0, N: 1, W: 44})} {
		path := filepath.Join(p.log.Dir, filepath.FromSlash(manifest.LogPath(verifytest.Name, rest)))
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(good)
		bad[len(bad)/2] ^= 1
		for _, there := range [][]byte{bad, bad[:len(bad)-1], nil} {
			if err := os.WriteFile(path, there, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := p.w.Keep(t.Context(), verifytest.Origin); err == nil {
				t.Errorf("%s: kept", rest)
			}
			if k := p.kept(); k.Size > 256 || !strings.Contains(k.Problem, "keep") {
				t.Errorf("%s: %+v", rest, k)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := p.w.Keep(t.Context(), verifytest.Origin); err == nil {
			t.Errorf("%s: kept without it", rest)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.w.Keep(t.Context(), verifytest.Origin); err != nil {
		t.Fatal(err)
	}
	if k := p.kept(); k.Size != 300 || k.Problem != "" || k.Types["docking.closed"] != 299 {
		t.Errorf("%+v", k)
	}
}

// TestKeeping: while it serves, a witness mirrors what it has just cosigned.
func TestKeeping(t *testing.T) {
	p := newPublished(t)
	_, end := serve(t, p.w)
	p.grow(5, "docking.closed")
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for p.kept().Size != 6 {
		select {
		case <-look.C:
		case <-late.C:
			t.Fatalf("%+v", p.kept())
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// TestKeepNames: two logs of one name would be one folder.
func TestKeepNames(t *testing.T) {
	p := newPublished(t)
	o := Options{Dir: t.TempDir(), Name: "w", Keep: p.w.o.Keep}
	for _, origin := range []string{"a.example/dk3v9q", "b.example/dk3v9q"} {
		o.Logs = append(o.Logs, witnesstest.NewLog(t, origin).VKey)
	}
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "run a witness for each") {
		t.Errorf("%v", err)
	}
	o.Logs = []string{witnesstest.NewLog(t, "sum.example").VKey}
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "no log of custodock") {
		t.Errorf("%v", err)
	}
}

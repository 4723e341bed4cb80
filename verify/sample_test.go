package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// filmed is a log of so many clips that need tags, each beside a file that does not.
func filmed(t *testing.T, clips int) *verifytest.Log {
	t.Helper()
	l := verifytest.New(t, t.TempDir())
	l.Append("log.started", nil, nil)
	for i := range clips {
		sum := sha256.Sum256([]byte{byte(i)})
		for _, role := range []string{"main", "log"} {
			l.Append("clip.ingested", manifest.Object{"sha256": hex.EncodeToString(sum[:]), "size": int64(i), "role": role}, nil)
		}
	}
	l.Publish()
	return l
}

// ranked computes by hand who is drawn first.
func ranked(l *verifytest.Log, seed string, size int64) []string {
	type one struct {
		name string
		rank [32]byte
	}
	var all []one
	for n := range size {
		e := l.Entry(n)
		if e.Fields.Str("role") != "main" {
			continue
		}
		leaf := sha256.Sum256(append([]byte{0}, e.Raw...))
		all = append(all, one{e.Name(), sha256.Sum256(append([]byte("custodock audit sample v1\n"+seed+"\n"), leaf[:]...))})
	}
	slices.SortFunc(all, func(a, b one) int { return bytes.Compare(a.rank[:], b.rank[:]) })
	var names []string
	for _, o := range all {
		names = append(names, o.name)
	}
	return names
}

// TestSample: who has log and seed draws the same clips, whoever they are and
// however the log grew meanwhile.
func TestSample(t *testing.T) {
	l := filmed(t, 300) // more than a bundle
	draw := func(seed string, share float64, size int64) ([]string, int) {
		t.Helper()
		head, drawn, among, err := verify.Sample(t.Context(), verify.Options{Store: l.Memory(), Key: l.Key}, seed, share, size)
		if err != nil || head.Checkpoint.Size != l.Size() {
			t.Fatal(err)
		}
		var names []string
		for _, d := range drawn {
			names = append(names, d.Clip)
			if n, sum := d.Size, sha256.Sum256([]byte{byte(d.Size)}); d.SHA256 != hex.EncodeToString(sum[:]) || n >= 300 {
				t.Errorf("%+v", d)
			}
		}
		return names, among
	}
	all := ranked(l, "2026-11-26 17 4 23", l.Size())
	for _, c := range []struct {
		share float64
		want  int
	}{{1, 300}, {0.05, 15}, {0.001, 1}, {0.0101, 4}} {
		got, among := draw("2026-11-26 17 4 23", c.share, 0)
		if diff := cmp.Diff(all[:c.want], got); diff != "" || among != 300 {
			t.Errorf("a share of %v among %d: %s", c.share, among, diff)
		}
	}
	if other, _ := draw("2026-11-26 17 4 24", 0.05, 0); cmp.Equal(other, all[:15]) {
		t.Error("another seed draws the same")
	}
	then := l.Size()
	l.Append("clip.ingested", manifest.Object{"sha256": fmt.Sprintf("%064x", 1), "size": int64(1), "role": "main"}, nil)
	l.Publish()
	if got, among := draw("2026-11-26 17 4 23", 0.05, then); !cmp.Equal(got, all[:15]) || among != 300 {
		t.Errorf("the sample of an older size is %v among %d", got, among)
	}
}

func TestSampleRefuses(t *testing.T) {
	l := filmed(t, 2)
	mem := l.Memory()
	o := verify.Options{Store: mem, Key: l.Key}
	if _, _, _, err := verify.Sample(t.Context(), o, "s", 1, l.Size()+1); err == nil || errors.Is(err, verify.ErrMismatch) {
		t.Errorf("of a size that is not there yet: %v", err)
	}
	mem[manifest.LogPath(verifytest.Name, manifest.EntriesPath(0, int(l.Size())))][20] ^= 1
	if _, drawn, _, err := verify.Sample(t.Context(), o, "s", 1, 0); !errors.Is(err, verify.ErrMismatch) || drawn != nil {
		t.Errorf("from a changed log: %v, %v", drawn, err)
	}
}

package verify_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// derive adds a file that was made from clip n, and says that it is stored.
func derive(l *verifytest.Log, n int64, content string) int64 {
	d := clip.Digest(sha256.Sum256([]byte(content)))
	l.Write(store.Name(d), []byte(content))
	made := l.About(n, "clip.derived", manifest.Object{"kind": "redacted", "sha256": d.String(), "size": int64(len(content))}, map[string]any{"tool": "blur"})
	l.About(n, "derived.stored", manifest.Object{
		"derived": made, "store": "central", "stored": manifest.Object{"sha256": d.String(), "size": int64(len(content)), "enc": "none"},
	}, nil)
	return made
}

// A derived file is proved like a clip, excuses none, and is none.
func TestDerived(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	a := l.Clip("a.mp4", "original")
	l.Stored(a)
	made := derive(l, a, "blurred")
	l.Publish()
	check := func(m verifytest.Memory) (map[string]string, error) {
		got := map[string]string{}
		report, err := verify.Store(context.Background(), verify.Options{Store: m, Key: l.Key, StoreName: "central"}, func(r verify.Result) error {
			got[r.Clip] = strings.TrimSpace(r.Result + " " + r.Of)
			return nil
		})
		for _, p := range report.Problems {
			got[p.File] = p.Problem
		}
		return got, err
	}
	got, err := check(l.Memory())
	if d := cmp.Diff(map[string]string{"dk3v9q-0": "ok", "dk3v9q-2": "ok dk3v9q-0"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
	for name, change := range map[string]func(verifytest.Memory){
		"dk3v9q-0": func(m verifytest.Memory) { delete(m, l.Object(a)) },
		"dk3v9q-2": func(m verifytest.Memory) { delete(m, l.Object(made)) },
	} {
		m := l.Memory()
		change(m)
		if got, err := check(m); !errors.Is(err, verify.ErrMismatch) || !strings.HasPrefix(got[name], "missing") {
			t.Error(name, got, err)
		}
	}
	m := l.Memory()
	m[l.Object(made)] = []byte("blurreD")
	if got, err := check(m); !errors.Is(err, verify.ErrMismatch) || got["dk3v9q-2"] != "mismatch dk3v9q-0" {
		t.Error(got, err)
	}

	l.About(made, "clip.viewed", nil, nil)
	l.About(a, "derived.stored", manifest.Object{"derived": a}, nil)
	l.Publish()
	got, err = check(l.Memory())
	file := manifest.LogPath(verifytest.Name, manifest.EntriesPath(0, int(l.Size())))
	if !errors.Is(err, verify.ErrMismatch) || !strings.Contains(got[file], "dk3v9q-0, which is no derived file") {
		t.Error(got, err)
	}
}

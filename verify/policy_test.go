package verify_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// witnessesOf makes two witnesses, and a policy that wants both.
func witnessesOf(t testing.TB) (*manifest.Policy, []*manifest.Cosigner) {
	t.Helper()
	var b strings.Builder
	var all []*manifest.Cosigner
	for i, name := range []string{"one", "two"} {
		c, err := manifest.NewCosigner(name+".example/w", ed25519.NewKeyFromSeed(append(make([]byte, 31), byte(i))))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		fmt.Fprintf(&b, "witness %s %s\n", name, c.Key())
	}
	p, err := manifest.ParsePolicy([]byte(b.String() + "group both all one two\nquorum both\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p, all
}

// cosign writes checkpoints/<size> with the lines of these witnesses.
func cosign(t *testing.T, l *verifytest.Log, size int64, at time.Time, witnesses ...*manifest.Cosigner) {
	t.Helper()
	msg := l.Checkpoint(size)
	lines := strings.SplitN(string(msg), "\n", 4)
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range witnesses {
		line, err := w.Cosign(manifest.Checkpoint{Origin: verifytest.Origin, Size: size, Root: root}, at)
		if err != nil {
			t.Fatal(err)
		}
		msg = append(msg, line...)
	}
	l.Write(manifest.LogPath(verifytest.Name, "checkpoints/"+strconv.FormatInt(size, 10)), msg)
}

// TestPolicy: what the newest checkpoint has decides, for all and for one clip;
// who is missing is named, and without a policy nobody is asked for.
func TestPolicy(t *testing.T) {
	p, w := witnessesOf(t)
	at := time.Unix(1700000000, 0).UTC()
	l := verifytest.New(t, t.TempDir())
	l.Append("log.started", nil, nil)
	clip := l.ClipName(l.Clip("a.mp4", "a"))
	l.Publish()
	check := func(name, missing, file string, cosigned int64) {
		t.Helper()
		for _, clips := range [][]string{nil, {clip}} {
			o := verify.Options{Store: l.Memory(), Key: l.Key, Clips: clips, Policy: p}
			report, err := verify.Store(context.Background(), o, nil)
			switch {
			case missing == "":
				if err != nil || report.Cosigned != cosigned || !report.CosignedAt.Equal(at) {
					t.Errorf("%s: %+v, %v", name, report, err)
				}
			case !errors.Is(err, verify.ErrMismatch) || !strings.Contains(err.Error(), missing+" did not cosign") || report.Problems[0].File != file:
				t.Errorf("%s: %+v, %v", name, report, err)
			}
			o.Policy = nil
			if _, err := verify.Store(context.Background(), o, nil); err != nil {
				t.Errorf("%s, without a policy: %v", name, err)
			}
		}
	}
	path := func(size int64) string {
		return manifest.LogPath(verifytest.Name, "checkpoints/"+strconv.FormatInt(size, 10))
	}
	check("nobody", `"one", "two"`, manifest.CheckpointPath(verifytest.Name), 0)
	first := l.Size()
	cosign(t, l, first, at, w...)
	check("both", "", "", first)
	l.Append("docking.closed", nil, nil)
	l.Publish()
	check("both, and it grew", "", "", first)
	cosign(t, l, l.Size(), at, w[1])
	check("the newest lacks one", `"one"`, path(l.Size()), 0)
	cosign(t, l, l.Size(), at, w[1], w[0])
	check("whole again", "", "", l.Size())
}

// TestPolicyOfAnother: a policy that names other logs accepts nothing of this one.
func TestPolicyOfAnother(t *testing.T) {
	l, other := verifytest.New(t, t.TempDir()), verifytest.New(t, t.TempDir())
	l.Append("log.started", nil, nil)
	l.Publish()
	p, err := manifest.ParsePolicy([]byte("log " + other.Key + "\nquorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = verify.Store(context.Background(), verify.Options{Store: l.Memory(), Key: l.Key, Policy: p}, nil)
	if !errors.Is(err, verify.ErrMismatch) || !strings.Contains(err.Error(), "other logs") {
		t.Errorf("%v", err)
	}
}

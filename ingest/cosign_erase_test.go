package ingest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
)

// TestEraseWantsCosignatures: with erase.cosigned a proved file stays until its
// entries are under a checkpoint that the witnesses cosigned; a checkpoint whose
// lines are gone, or that others cosigned, counts for nothing.
func TestEraseWantsCosignatures(t *testing.T) {
	o, _ := eraseOptions(t)
	e := ready(t, o)
	one, _ := witnessOf(t, e.s, "one")
	two, _ := witnessOf(t, e.s, "two")
	set := func(w configs.Witness) {
		e.conf(func(c *configs.Config) {
			c.Erase.Cosigned = true
			c.Witnesses = configs.Witnesses{List: []configs.Witness{w}}
		})
	}
	says := func(name string, want why) {
		t.Helper()
		if got := e.d.judge(false).mayErase(e.f); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	says("without the wish", "")
	set(one)
	says("nobody was asked", whyUncosigned)
	if err := e.s.anchorDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	says("cosigned", "")
	set(two)
	says("cosigned by another", whyUncosigned)
	set(one)
	last, err := e.s.lastAnchor(false)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(e.s.state, filepath.FromSlash(manifest.LogPath(e.s.log, checkpointName(last.Size))))
	msg, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	msg[len(msg)-10] ^= 1
	if err := os.WriteFile(path, msg, 0o600); err != nil {
		t.Fatal(err)
	}
	says("a line that does not verify", whyUncosigned)
}

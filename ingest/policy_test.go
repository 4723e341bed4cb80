package ingest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/configs"
)

// policed has s want one's cosignature by a policy file.
func policed(t *testing.T, s *Station, one configs.Witness) (path, text string) {
	t.Helper()
	text, err := policyText(configs.Witnesses{List: []configs.Witness{one}})
	okay(t, err)
	path = filepath.Join(t.TempDir(), "policy")
	write(t, path, text)
	cfg := *s.conf()
	cfg.Witnesses = configs.Witnesses{Policy: path}
	okay(t, s.Reconfigure(t.Context(), cfg, configFile(t, path)))
	return path, text
}

// TestPolicyGone: a policy file that goes while the dock runs calls a person, and an
// idle dock has no checkpoint stamped over and over for the lack of it.
func TestPolicyGone(t *testing.T) {
	o, a := stamped(t, 400)
	s := openStation(t, o)
	one, _ := witnessOf(t, s, "one")
	path, text := policed(t, s, one)
	grow(t, s, "a")
	if len(anchorsIn(t, s)) != 1 || s.uncosigned() {
		t.Fatalf("%+v", anchorsIn(t, s))
	}

	okay(t, os.Remove(path))
	grow(t, s, "b") // is stamped all the same
	made, asked := len(anchorsIn(t, s)), a.Asked()
	if made != 2 {
		t.Fatalf("%+v", anchorsIn(t, s))
	}
	al, stands := s.alarms.stands("witness_silent")
	if !stands || !strings.Contains(al.Args[0], path) || !strings.Contains(al.Text, "put the file back") {
		t.Errorf("%+v", s.alarms.list())
	}
	for range 3 {
		if err := s.anchorDue(t.Context()); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	if len(anchorsIn(t, s)) != made || a.Asked() != asked {
		t.Errorf("nothing came, and %d anchors were made; the authority was asked %d times", len(anchorsIn(t, s))-made, a.Asked()-asked)
	}
	write(t, path, text)
	s.patrol()
	if _, stands := s.alarms.stands("witness_silent"); stands {
		t.Error("the file is back, and the alarm stays")
	}
	if err := s.anchorDue(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPolicyGoneUncosigned: the same where the last checkpoint lacks cosignatures, so
// that witnesses are to be asked although nothing came.
func TestPolicyGoneUncosigned(t *testing.T) {
	o, a := stamped(t, 400)
	s := openStation(t, o)
	one, down := witnessOf(t, s, "one")
	down()
	path, _ := policed(t, s, one)
	grow(t, s, "a")
	made, asked := len(anchorsIn(t, s)), a.Asked()
	if made != 1 || !s.uncosigned() {
		t.Fatalf("%+v", anchorsIn(t, s))
	}
	okay(t, os.Remove(path))
	for range 3 {
		if err := s.anchorDue(t.Context()); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	if len(anchorsIn(t, s)) != made || a.Asked() != asked {
		t.Errorf("nothing came, and %d anchors were made; the authority was asked %d times", len(anchorsIn(t, s))-made, a.Asked()-asked)
	}
}

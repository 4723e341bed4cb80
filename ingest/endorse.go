package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// InstallRequest brings what an authority signed of this dock's key.
type InstallRequest struct {
	Note string `json:"note"` // the signed note
}

// Endorsement is what such a note says. Whether the authority signed it only who
// has the authority's key can tell.
type Endorsement struct {
	Authority string `json:"authority"`
	Key       string `json:"key"`
	From      string `json:"from"`
	Until     string `json:"until"`
	Serial    int64  `json:"serial"`
}

// Install takes in an endorsement of this dock's key, durably, and shows it to
// the stores. One of another key or role helps nobody here and is refused.
func (s *Station) Install(ctx context.Context, r InstallRequest) (Endorsement, error) {
	e, err := manifest.ClaimedEndorsement([]byte(r.Note))
	switch {
	case err != nil:
		return Endorsement{}, fmt.Errorf("install endorsement: %w: ask the authority for the file again", err)
	case e.Role != manifest.RoleDock:
		return Endorsement{}, fmt.Errorf("install endorsement: it is of a key as %s, not as dock: ask the authority for one with --role dock", e.Role)
	case !slices.Contains(s.keys, e.Key):
		return Endorsement{}, fmt.Errorf("install endorsement: it is of the key %s, this dock has %s: ask the authority to endorse that", e.Key, s.newest())
	}
	sum := sha256.Sum256([]byte(r.Note))
	path := filepath.Join(s.endorsementDir(), hex.EncodeToString(sum[:]))
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return Endorsement{}, stateError(s.state, err)
	}
	if err := durable.WriteFile(path, []byte(r.Note), 0o644); err != nil {
		return Endorsement{}, stateError(s.state, err)
	}
	s.endorsed.Add(1)
	s.logger.Info("endorsement installed", "authority", e.Authority, "until", e.Until)
	if err := s.publishNow(ctx); err != nil {
		return Endorsement{}, fmt.Errorf("the endorsement is kept and %w: %w", ErrUnpublished, err)
	}
	return Endorsement{Authority: e.Authority, Key: e.Key, From: formatTime(e.From), Until: formatTime(e.Until), Serial: e.Serial}, nil
}

func (s *Station) endorsementDir() string { return filepath.Join(s.state, "endorsement") }

// endorsements are the notes that were installed, by digest.
func (s *Station) endorsements() (map[string][]byte, error) {
	names, err := os.ReadDir(s.endorsementDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	notes := map[string][]byte{}
	for _, e := range names {
		msg, err := os.ReadFile(filepath.Join(s.endorsementDir(), e.Name()))
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(msg); hex.EncodeToString(sum[:]) == e.Name() { // else a leftover of a crash
			notes[e.Name()] = msg
		}
	}
	return notes, nil
}

// showEndorsements writes to a store those that it was not seen to have.
func (s *Station) showEndorsements(ctx context.Context, c *central, st store.Store) error {
	have := s.endorsed.Load() // before they are read: what comes meanwhile is shown next time
	if c.hasEndorsed(have) {
		return nil
	}
	notes, err := s.endorsements()
	if err != nil {
		return err
	}
	for digest, msg := range notes {
		if err := (shelf{st}).Create(ctx, manifest.EndorsementPath(s.log, digest), msg); err != nil {
			return fmt.Errorf("publish endorsement: %w", err)
		}
	}
	c.setEndorsed(have)
	return nil
}

// hasEndorsed reports whether the open store has what the dock had when so many
// were installed.
func (c *central) hasEndorsed(installed int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.endorsed == installed+1
}

func (c *central) setEndorsed(installed int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endorsed = installed + 1
}

// endorsementEnds is how many days before its end an endorsement has to be renewed.
const endorsementEnds = 30

// endorsedCondition tells until when an authority answers for the key, where one
// does at all: after that what the dock enters is proved by its own key only.
func (s *Station) endorsedCondition() (Condition, bool) {
	notes, err := s.endorsements()
	if err != nil || len(notes) == 0 {
		return Condition{}, false
	}
	var all []manifest.Endorsement
	for _, msg := range notes {
		if e, err := manifest.ClaimedEndorsement(msg); err == nil {
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		return Condition{}, false
	}
	last := slices.MaxFunc(all, func(x, y manifest.Endorsement) int { return x.Until.Compare(y.Until) })
	until := last.Until.Format(time.DateOnly)
	c := Condition{
		Code: "endorsed", Args: []string{last.Authority, until, strconv.Itoa(endorsementEnds)},
		Text: last.Authority + " answers for the dock's key until " + until,
		OK:   last.Until.Sub(s.now()) > endorsementEnds*24*time.Hour,
	}
	if !c.OK {
		c.Mend = "have the authority endorse the key again, and install that: custodock key install FILE"
	}
	return c, true
}

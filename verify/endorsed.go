package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// endorsementName is a file of endorsements in a store and in a package.
var endorsementName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// endorsedAt reports whether what was made at t was made while the authority
// answered for the key; always, when no authority was asked.
func (o Options) endorsedAt(t time.Time) bool {
	return len(o.Endorsed) == 0 || slices.ContainsFunc(o.Endorsed, func(e manifest.Endorsement) bool { return e.Covers(t) })
}

// unendorsed words that something was made at a time that no endorsement covers.
func (o Options) unendorsed(t string) string {
	var spans []string
	for _, e := range o.Endorsed {
		spans = append(spans, e.From.Format(time.RFC3339)+" to "+e.Until.Format(time.RFC3339))
	}
	return fmt.Sprintf("made %s, when %s did not answer for the key (it does from %s)", t, o.Endorsed[0].Authority, strings.Join(spans, ", and from "))
}

// endorsed looks whether an entry was made while its key was endorsed. The clip
// that it entered is not proved where it was not.
func (s *scan) endorsed(e entry) {
	if len(s.Endorsed) == 0 || e.typ == "" {
		return
	}
	t, err := time.Parse(entryTime, e.t)
	if err == nil && len(e.t) == len(entryTime) && s.endorsedAt(t) {
		return
	}
	if s.outside++; s.outside == 1 {
		s.outsideWhy = fmt.Sprintf("entry %s was %s", ClipName(s.head.Log, e.n), s.unendorsed(strings.Clone(e.t)))
	}
	if e.typ == "clip.ingested" {
		s.index.blame(e.n, "%s", s.unendorsed(strings.Clone(e.t)))
	}
}

// settleEndorsed is what the whole log gives: one problem, however many entries.
func (s *scan) settleEndorsed() []Problem {
	if s.outside == 0 {
		return nil
	}
	why := s.outsideWhy
	if s.outside > 1 {
		why = fmt.Sprintf("%s, and so were %d more", why, s.outside-1)
	}
	return []Problem{{manifest.LogPath(s.head.Log, "endorsement"), why}}
}

// endorsements checks the files of endorsements beside the log: each is one, and
// is called like what it hashes to.
func (s *scan) endorsements(ctx context.Context) error {
	for _, name := range s.fs.endorsements {
		path := manifest.EndorsementPath(s.head.Log, name)
		msg, err := store.ReadBare(ctx, s.Store, path, maxSmall)
		if err != nil {
			s.report.add(path, "%s", s.unreadable(err))
		} else if why := badEndorsement(name, msg); why != "" {
			s.report.add(path, "%s", why)
		}
	}
	return ctx.Err()
}

func badEndorsement(name string, msg []byte) string {
	if sum := sha256.Sum256(msg); hex.EncodeToString(sum[:]) != name {
		return "has other bytes than its name says"
	}
	if _, err := manifest.ClaimedEndorsement(msg); err != nil {
		return err.Error()
	}
	return ""
}

// endorsements checks the files of endorsements in a package.
func (p *packed) endorsements() {
	for _, file := range slices.Sorted(keys(p.sums)) {
		name, ok := strings.CutPrefix(file, "endorsements/")
		if !ok {
			continue
		}
		msg, err := p.small(file, maxSmall)
		if err != nil {
			p.report.add(file, "%v", err)
			continue
		}
		if why := badEndorsement(name, msg); why != "" {
			p.report.add(file, "%s", why)
		}
	}
}

package ingest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/manifest"
	cosigners "github.com/custodock/custodock/witness"
)

// unwitnessedAfter is how long the log goes without the cosignatures that are
// wanted before a person is called.
const unwitnessedAfter = 24 * time.Hour

// CosignedView is how far witnesses have cosigned the log.
type CosignedView struct {
	Size      int64         `json:"size"`           // entries under the last checkpoint that had the cosignatures wanted, 0 for none
	Time      time.Time     `json:"time,omitzero"`  // when that was
	Since     time.Time     `json:"since,omitzero"` // since when they are missing; zero when they are not
	Witnesses []WitnessView `json:"witnesses"`
}

// WitnessView is how it went with one witness last.
type WitnessView struct {
	Name   string    `json:"name"`
	URL    string    `json:"url"`
	Size   int64     `json:"size"`            // entries that it cosigned last, 0 for none
	Time   time.Time `json:"time,omitzero"`   // when, by its clock
	Error  string    `json:"error,omitempty"` // why it did not the last time
	Forked bool      `json:"forked,omitempty"`
}

var cosignedKey = []byte("cosigned")

// noteCosigned remembers how it went, for status and for alarms.
func (s *Station) noteCosigned(size int64, reached bool, standings []cosigners.Standing) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		c := catalog{tx: tx}
		var old CosignedView
		if _, err := c.get(metaBucket, cosignedKey, &old); err != nil {
			return err
		}
		now := s.now().UTC().Truncate(time.Second)
		v := CosignedView{Size: old.Size, Time: old.Time, Since: old.Since, Witnesses: []WitnessView{}}
		switch {
		case reached:
			v.Size, v.Time, v.Since = size, now, time.Time{}
		case v.Since.IsZero():
			v.Since = now
		}
		for _, st := range standings {
			w := WitnessView{Name: st.Witness, URL: st.URL}
			if at := slices.IndexFunc(old.Witnesses, w.same); at >= 0 {
				w.Size, w.Time = old.Witnesses[at].Size, old.Witnesses[at].Time
			}
			if st.Err == nil {
				w.Size, w.Time = st.Size, st.At
			} else {
				w.Error, w.Forked = printable(st.Err.Error()), errors.Is(st.Err, manifest.ErrForked)
			}
			v.Witnesses = append(v.Witnesses, w)
		}
		return c.put(metaBucket, cosignedKey, v)
	})
}

func (w WitnessView) same(o WitnessView) bool { return o.Name == w.Name && o.URL == w.URL }

// cosignedSo tells how far the log is cosigned, nil where nobody is to do that or
// nobody was asked yet.
func (s *Station) cosignedSo() (*CosignedView, error) {
	if !s.conf().Witnesses.Any() {
		return nil, nil
	}
	var v CosignedView
	known := false
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		known, err = catalog{tx: tx}.get(metaBucket, cosignedKey, &v)
		return err
	})
	if err != nil || !known {
		return nil, err
	}
	return &v, nil
}

// cosignedSize is how many entries the newest anchor has under cosignatures that are
// wanted now, 0 when it lacks some. It believes the checkpoint alone.
func (s *Station) cosignedSize() int64 {
	a, err := s.lastAnchor(false)
	if err != nil {
		return 0
	}
	msg, err := os.ReadFile(filepath.Join(s.state, filepath.FromSlash(manifest.LogPath(s.log, checkpointName(a.Size)))))
	if err != nil {
		return 0
	}
	c, err := s.checkCosigned(msg)
	if err != nil || c.Size != a.Size {
		return 0
	}
	return c.Size
}

// checkCosigned opens a checkpoint of this log that has the cosignatures which are
// wanted now.
func (s *Station) checkCosigned(msg []byte) (manifest.Checkpoint, error) {
	text, err := policyText(s.conf().Witnesses)
	if err != nil {
		return manifest.Checkpoint{}, err
	}
	policy, err := manifest.ParsePolicy([]byte(text))
	if err != nil {
		return manifest.Checkpoint{}, err
	}
	key, err := s.witnessedKey(policy)
	if err != nil {
		return manifest.Checkpoint{}, err
	}
	c, _, err := policy.Check(msg, key)
	return c, err
}

// judgeWitnesses raises what witnesses say of this log and ends what is over. It
// stops no work: an answer that refuses is signed by nobody, and whoever stands
// between could stop a dock with one.
func (s *Station) judgeWitnesses() {
	if err := checkWitnesses(s.conf().Witnesses); err != nil { // it was well when it came into force
		s.alarms.raise("witness_silent", fmt.Errorf("nobody can be asked to cosign the log: %w: put the file back", err), s.now(), printable(err.Error()))
		return
	}
	v, err := s.cosignedSo()
	if err != nil {
		s.logger.Error("look at what witnesses said", "stage", "witness", "err", err)
		return
	}
	if v == nil {
		v = &CosignedView{}
	}
	var missing []string
	forked := map[string]bool{}
	for _, w := range v.Witnesses {
		if forked[w.Name] = w.Forked; w.Forked {
			s.alarms.raise("witness_forked", fmt.Errorf("witness %s: %s", w.Name, w.Error), s.now(), w.Name)
		}
		if w.Error != "" {
			missing = append(missing, w.Name)
		}
	}
	for _, al := range s.alarms.list() {
		if al.Code == "witness_forked" && !forked[al.Args[0]] {
			s.alarms.clear(al.Code, al.Args...)
		}
	}
	if v.Since.IsZero() || s.now().Sub(v.Since) < unwitnessedAfter {
		s.alarms.clear("witness_silent")
		return
	}
	s.alarms.raise("witness_silent", fmt.Errorf("the log lacks the cosignatures that are wanted since %s; these did not cosign: %s: see doctor for what each said",
		formatTime(v.Since), strings.Join(missing, ", ")), s.now(), strings.Join(missing, ", "))
}

// witnessConditions are one of each witness, and one of all of them.
func (s *Station) witnessConditions() []Condition {
	v, err := s.cosignedSo()
	if err != nil || v == nil {
		return nil
	}
	all := Condition{Code: "cosigned", OK: v.Since.IsZero(), Args: []string{fmt.Sprint(v.Size), "never"}, Text: "the log has the cosignatures that are wanted"}
	if !v.Time.IsZero() {
		all.Args[1] = formatTime(v.Time)
	}
	if !all.OK {
		all.Mend = fmt.Sprintf("%s entries were cosigned last, %s: see what each witness says", all.Args[0], all.Args[1])
	}
	out := []Condition{all}
	for _, w := range v.Witnesses {
		c := Condition{Code: "witness", Args: []string{w.Name, w.URL, w.Error}, OK: w.Error == "", Text: "witness " + w.Name + " at " + w.URL + " cosigns", Mend: w.Error}
		out = append(out, c)
	}
	return out
}

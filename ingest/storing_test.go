package ingest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

// answered are clips in the spool of s with what its store says of each.
func answered(t *testing.T, s *Station, files int) (*central, []answer) {
	t.Helper()
	d, all := placed(t, s, files)
	okay(t, d.finish(t.Context(), all, true))
	c := s.centrals()[0]
	jobs, err := s.jobs(c.name, -1)
	okay(t, err)
	var answers []answer
	for _, j := range jobs {
		answers = append(answers, answer{j, store.Info{Size: j.q.Size}})
	}
	if len(answers) != files {
		t.Fatalf("%d of %d clips wait for the store", len(answers), files)
	}
	return c, answers
}

// TestStoredTogether: what a store answered at the same time costs one transaction,
// and only after it the spool files go.
func TestStoredTogether(t *testing.T) {
	s := openStation(t, testOptions(t))
	c, answers := answered(t, s, 100)
	before := transactions(t, s)
	for _, r := range s.stored(t.Context(), c, answers) {
		okay(t, r.err)
	}
	if n := transactions(t, s) - before; n != 1 {
		t.Errorf("%d transactions for %d clips", n, len(answers))
	}
	entries := listed(t, s, "clip.stored")
	left, err := s.spool.files()
	if len(entries) != len(answers) || !s.queueEmpty() || err != nil || len(left) != 0 {
		t.Errorf("%d entries, queue empty: %v, %d files in the spool (%v)", len(entries), s.queueEmpty(), len(left), err)
	}
	for i, e := range entries {
		if name := clipName(s.log, answers[i].job.n); e.Fields.Str("clip") != name || !s.enough(answers[i].job.n) {
			t.Errorf("entry %d speaks of %s, want %s", e.N, e.Fields.Str("clip"), name)
		}
	}
}

// TestStoredBefore: a file whose clip was in every store before it was noted waits
// for none.
func TestStoredBefore(t *testing.T) {
	s := openStation(t, testOptions(t))
	d, all := placed(t, s, 2)
	okay(t, d.finish(t.Context(), all, true))
	c := s.centrals()[0]
	jobs, err := s.jobs(c.name, -1)
	okay(t, err)
	for _, j := range jobs {
		okay(t, s.stored(t.Context(), c, []answer{{j, store.Info{Size: j.q.Size}}})[0].err)
	}
	for _, one := range all {
		s.spool.hold(one.digest())
		d.slots <- struct{}{}
	}
	okay(t, d.finish(t.Context(), all, true))
	if st := d.bay.status(); st.Known != 2 || st.Stored != 4 {
		t.Errorf("twice two clips: %d were known, %d stored", st.Known, st.Stored)
	}
}

// TestOneThatCannotBeStored: an answer that fits no entry keeps out no other, and
// that clip stays in queue and spool.
func TestOneThatCannotBeStored(t *testing.T) {
	s := openStation(t, testOptions(t))
	c, answers := answered(t, s, 5)
	answers[2].info.Version = strings.Repeat("v", 5000)
	for i, r := range s.stored(t.Context(), c, answers) {
		if (r.err != nil) != (i == 2) {
			t.Errorf("clip %d: %v", i, r.err)
		}
	}
	jobs, err := s.jobs(c.name, -1)
	okay(t, err)
	if len(listed(t, s, "clip.stored")) != 4 || len(jobs) != 1 || jobs[0].n != answers[2].job.n {
		t.Errorf("%d entries, %d wait", len(listed(t, s, "clip.stored")), len(jobs))
	}
	for i, a := range answers {
		if isFile(s.spool.path(a.job.q.SHA256)) != (i == 2) {
			t.Errorf("clip %d: in the spool: %v", i, i != 2)
		}
	}
}

// TestWaitsForNobody: an answer waits for others only while any can come.
func TestWaitsForNobody(t *testing.T) {
	u := &uploader{answers: make(chan answer, 3)}
	u.answers <- answer{}
	if got := u.gather(answer{}); len(got) != 1 {
		t.Errorf("%d together while none is under way", len(got))
	}
	u.putting.Add(1)
	close(u.answers)
	if got := u.gather(answer{}); len(got) != 2 {
		t.Errorf("%d together, want the one that came", len(got))
	}
}

// TestRowsAreThoseOfTheLog: what a clip's row says when it is taken in is what its
// entry and record give when the log is read again, byte for byte.
func TestRowsAreThoseOfTheLog(t *testing.T) {
	s := openStation(t, testOptions(t))
	d, all := placed(t, s, 3)
	okay(t, d.finish(t.Context(), all, true))
	for i, e := range listed(t, s, "clip.ingested") {
		record, err := s.ledger.Record(e.N)
		okay(t, err)
		okay(t, s.ledger.Commit(t.Context(), func(tx *ledger.Tx) error {
			row := func() []byte {
				b := bytes.Clone(tx.Bolt().Bucket(clipBucket).Get(key(e.N)))
				return append(append(b, '\n'), tx.Bolt().Bucket(fateBucket).Get(key(e.N))...)
			}
			live := row()
			if err := (catalog{tx.Bolt()}).apply(e, record); err != nil {
				return err
			}
			if again := row(); !bytes.Equal(live, again) {
				t.Errorf("%s:\n%s\nread again:\n%s", all[i].f.Path, live, again)
			}
			return nil
		}))
	}
}

package ingest

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/store"
)

// TestReadyWithLongQueue: a dock with a hundred thousand clips in its queue is
// ready at once and knows how many wait.
func TestReadyWithLongQueue(t *testing.T) {
	rows := 100_000
	if testing.Short() {
		rows = 10_000
	}
	o := testOptions(t)
	o.OpenStore = func(context.Context, StoreRequest) (store.Store, error) { return nil, store.ErrAway }
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	name := takeWaiting(t, s, cam)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	inState(t, o.State, func(tx *bbolt.Tx) error { return multiply(tx, s.storeNames()[0], name, rows) })
	start := time.Now()
	s = openStation(t, o)
	st, err := s.Status(context.Background())
	took := time.Since(start)
	if err != nil || len(st.Queue) != 1 || st.Queue[0].Clips != rows || st.Queue[0].Bytes != int64(rows*len("bytes")) {
		t.Fatalf("%+v, %v", st.Queue, err)
	}
	t.Logf("ready with %d rows in %v", rows, took)
	if took > 2*time.Second {
		t.Errorf("ready after %v, 2s are right", took)
	}
}

// takeWaiting takes a folder of one clip in that no store has, and gives its
// entry.
func takeWaiting(t *testing.T, s *Station, cam string) int64 {
	t.Helper()
	folder, err := os.Open(cam)
	if err != nil {
		t.Fatal(err)
	}
	var n int64 = -1
	_, err = s.Ingest(context.Background(), Request{Dir: cam, Folder: folder, By: clip.ByOfficer, Actor: "officer", Wait: time.Millisecond}, func(e Event) {
		if e.File != nil && e.File.State == StateRecorded {
			n, _ = parseClip(s.log, e.File.Clip)
		}
	})
	if err != nil || n < 0 {
		t.Fatalf("entry %d, %v", n, err)
	}
	return n
}

// multiply makes rows of the clip of one entry under others, and of its place
// in the queue.
func multiply(tx *bbolt.Tx, store string, n int64, rows int) error {
	c := catalog{tx}
	r, err := c.clip(n)
	if err != nil {
		return err
	}
	var q queued
	if _, err := c.get(queueBucket, queueKey(store, n), &q); err != nil {
		return err
	}
	for i := range int64(rows - 1) {
		r.N = n + 1 + i
		binary.BigEndian.PutUint64(r.SHA256[:], uint64(r.N))
		q.SHA256 = r.SHA256
		if err := c.putClip(r); err != nil {
			return err
		}
		if err := c.push(store, r.N, q); err != nil {
			return err
		}
	}
	return nil
}

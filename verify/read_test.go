package verify_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// readPaths reads the paths in the records of clips, in the order of the log.
func readPaths(t *testing.T, o verify.Options) ([]string, error) {
	t.Helper()
	var paths []string
	wanted := func(e manifest.Entry) bool { return e.Type == "clip.ingested" }
	_, err := verify.Read(t.Context(), o, wanted, func(e manifest.Entry, record []byte) error {
		var r struct{ Path string }
		if record == nil {
			r.Path = "erased"
		} else if err := json.Unmarshal(record, &r); err != nil {
			return err
		}
		paths = append(paths, fmt.Sprintf("%d %s", e.N, r.Path))
		return nil
	})
	return paths, err
}

// TestRead: entries come in order with their own records, over several record files.
func TestRead(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	l.Append("log.started", nil, nil)
	var want []string
	add := func() {
		t.Helper()
		n := l.Size()
		l.Clip(fmt.Sprint("p", n), fmt.Sprint("content ", n))
		want = append(want, fmt.Sprintf("%d p%d", n, n))
	}
	for range 300 {
		add()
	}
	l.Publish()
	l.Append("run.started", nil, nil)
	add()
	l.Publish()
	l.Append("run.started", nil, map[string]any{"x": 1})
	add()
	l.Publish()
	mem := l.Memory()
	o := verify.Options{Store: mem, Key: l.Key}
	got, err := readPaths(t, o)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Fatal(err, diff)
	}

	path := manifest.RecordPath(verifytest.Name, 1)
	whole := mem[path]
	for name, broken := range map[string][]byte{
		"a line is gone":  []byte(strings.Join(strings.SplitAfter(string(whole), "\n")[1:], "")),
		"its end is gone": whole[:len(whole)-1],
		"a byte changed":  append([]byte{whole[0] ^ 1}, whole[1:]...),
	} {
		mem[path] = broken
		if _, err := readPaths(t, o); !errors.Is(err, verify.ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mem[path] = whole
	bundle := manifest.LogPath(verifytest.Name, manifest.EntriesPath(0, 256))
	mem[bundle][20] ^= 1
	if _, err := readPaths(t, o); !errors.Is(err, verify.ErrMismatch) {
		t.Errorf("a changed entry: %v", err)
	}
	mem[bundle][20] ^= 1
	delete(mem, path)
	if _, err := readPaths(t, o); !errors.Is(err, verify.ErrMismatch) {
		t.Errorf("a record file is gone: %v", err)
	}
}

// TestReadErased: a record that was erased lawfully is none.
func TestReadErased(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	l.Append("log.started", nil, nil)
	gone, here := l.Clip("a", "a"), l.Clip("b", "b")
	l.Publish()
	l.WriteRecords(0, map[int64]bool{gone: true})
	o := verify.Options{Store: l.Memory(), Key: l.Key}
	if _, err := readPaths(t, o); !errors.Is(err, verify.ErrMismatch) {
		t.Errorf("without a word: %v", err)
	}
	l.Append("record.erased", manifest.Object{"target": manifest.Object{"log": verifytest.Name, "n": gone}}, nil)
	l.Publish()
	o.Store = l.Memory()
	got, err := readPaths(t, o)
	if diff := cmp.Diff([]string{fmt.Sprintf("%d erased", gone), fmt.Sprintf("%d b", here)}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

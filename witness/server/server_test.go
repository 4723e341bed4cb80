package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/witness"
	"github.com/custodock/custodock/witness/witnesstest"
)

const origin = "example.org/dk3v9q"

var start = time.Unix(1679315147, 0).UTC()

func open(t *testing.T, dir string, logs ...*witnesstest.Log) *Witness {
	t.Helper()
	o := Options{Dir: dir, Name: "witness.example/w1", Now: func() time.Time { return start }}
	for _, l := range logs {
		o.Logs = append(o.Logs, l.VKey)
	}
	w, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// post sends a request and gives status, type and body of the answer.
func post(t *testing.T, w *Witness, body []byte) (int, string, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, witness.AddPath, bytes.NewReader(body)))
	return rec.Code, rec.Header().Get("Content-Type"), rec.Body.String()
}

func request(t *testing.T, l *witnesstest.Log, old int64) []byte {
	t.Helper()
	r := witness.Request{Old: old, Checkpoint: l.Checkpoint()}
	if old > 0 && old < l.Size() {
		var err error
		if r.Proof, err = l.Prove(old); err != nil {
			t.Fatal(err)
		}
	}
	return r.Encode()
}

// cosigns wants the answer to be a cosignature of the log's head.
func cosigns(t *testing.T, w *Witness, l *witnesstest.Log, old int64) {
	t.Helper()
	code, _, body := post(t, w, request(t, l, old))
	sigs, err := manifest.Cosignatures(append(l.Checkpoint(), body...), w.Key())
	if code != http.StatusOK || err != nil || len(sigs) != 1 || !sigs[0].Time.Equal(start) {
		t.Fatalf("%d entries from %d: %d %q: %v, %v", l.Size(), old, code, body, sigs, err)
	}
}

// refuses wants the answer to be that status, with that size where it has one.
func refuses(t *testing.T, w *Witness, body []byte, status int, size string) {
	t.Helper()
	code, kind, told := post(t, w, body)
	conflict := status == http.StatusConflict
	if code != status || conflict && told != size+"\n" || conflict != (kind == witness.SizeType) {
		t.Errorf("%.40q: %d %s %q, want %d %s", body, code, kind, told, status, size)
	}
}

func TestWitness(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	dir := t.TempDir()
	w := open(t, dir, l)
	l.Grow(3, "entry")
	refuses(t, w, request(t, l, 2), http.StatusConflict, "0")
	cosigns(t, w, l, 0)
	cosigns(t, w, l, 3) // again, and it is the largest still
	refuses(t, w, request(t, l, 0), http.StatusConflict, "3")
	l.Grow(5, "entry")
	old := request(t, l, 3)
	cosigns(t, w, l, 3)
	refuses(t, w, old, http.StatusConflict, "8")

	// The same after it was closed and opened again.
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	key := w.Key().String()
	if w = open(t, dir, l); w.Key().String() != key {
		t.Errorf("the key changed: %s, %s", key, w.Key())
	}
	refuses(t, w, old, http.StatusConflict, "8")
	l.Grow(1, "entry")
	cosigns(t, w, l, 8)
	if fi, err := os.Stat(filepath.Join(dir, "key")); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode of the key: %v, %v", fi, err)
	}
	journal, err := os.ReadFile(filepath.Join(dir, "journal"))
	if err != nil || strings.Count(string(journal), `"event":"cosigned"`) != 3 {
		t.Errorf("%v: %s", err, journal)
	}
}

func TestRefusals(t *testing.T) {
	l, other := witnesstest.NewLog(t, origin), witnesstest.NewLog(t, "example.org/dother")
	w := open(t, t.TempDir(), l)
	l.Grow(4, "entry")
	other.Grow(4, "entry")
	refuses(t, w, request(t, other, 0), http.StatusNotFound, "")
	forged := bytes.Replace(other.Checkpoint(), []byte("example.org/dother"), []byte(origin), 2)
	refuses(t, w, witness.Request{Checkpoint: forged}.Encode(), http.StatusForbidden, "")
	changed := bytes.Replace(request(t, l, 0), []byte("\n4\n"), []byte("\n5\n"), 1)
	refuses(t, w, changed, http.StatusForbidden, "")
	refuses(t, w, witness.Request{Old: 5, Checkpoint: l.Checkpoint()}.Encode(), http.StatusBadRequest, "")
	for _, bad := range []string{"", "old 0\n", "old 00\n\n", "old 0\nx\n\n", "old 0\n\n", "old 0\n\nexample.org/dk3v9q\n"} {
		code, _, _ := post(t, w, []byte(bad))
		if code != http.StatusBadRequest && code != http.StatusForbidden {
			t.Errorf("%q: %d", bad, code)
		}
	}
	refuses(t, w, bytes.Repeat([]byte("x"), witness.MaxRequest+1), http.StatusBadRequest, "")
	refuses(t, w, witness.Request{Proof: tlog.TreeProof{{}}, Checkpoint: l.Checkpoint()}.Encode(), http.StatusUnprocessableEntity, "")
	cosigns(t, w, l, 0)
	l.Grow(1, "entry")
	refuses(t, w, witness.Request{Old: 4, Checkpoint: l.Checkpoint()}.Encode(), http.StatusUnprocessableEntity, "")
	cosigns(t, w, l, 4) // what was refused changed nothing, and was no fork
	s, err := w.Status()
	if err != nil || len(s.Logs) != 1 || s.Logs[0].Size != 5 || s.Logs[0].Unproved != 0 || s.Logs[0].Forked != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestFork: a cloned dock, a forked log and one that was set back are each
// refused, told apart, and the signed proof is kept.
func TestFork(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	dir := t.TempDir()
	w := open(t, dir, l)
	l.Grow(4, "entry")
	behind := l.Fork()
	clone := l.Fork()
	cosigns(t, w, l, 0)
	l.Grow(3, "day")
	clone.Grow(3, "night")
	cosigns(t, w, l, 4)
	for range 2 {
		refuses(t, w, request(t, clone, 7), http.StatusConflict, "7")
	}
	clone.Grow(1, "night")
	refuses(t, w, request(t, clone, 7), http.StatusUnprocessableEntity, "")
	refuses(t, w, request(t, behind, 4), http.StatusConflict, "7")
	s, err := w.Status()
	if err != nil || len(s.Logs) != 1 {
		t.Fatal(s, err)
	}
	if got := s.Logs[0]; got.Size != 7 || got.Forked != 1 || got.Unproved != 1 || got.Behind != 1 {
		t.Errorf("%+v", got)
	}
	journal, err := os.ReadFile(filepath.Join(dir, "journal"))
	for _, event := range []string{Forked, Unproved, Behind} {
		if err != nil || strings.Count(string(journal), `"event":"`+event+`"`) != 1 {
			t.Errorf("%s: %v: %s", event, err, journal)
		}
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "FORKED") || !strings.Contains(rec.Body.String(), origin) {
		t.Errorf("%d: %s", rec.Code, rec.Body)
	}
}

// TestRace: of many that extend one size differently at once, one is cosigned.
func TestRace(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	w := open(t, t.TempDir(), l)
	l.Grow(2, "entry")
	cosigns(t, w, l, 0)
	var all sync.WaitGroup
	codes := make([]int, 8)
	for i := range codes {
		clone := l.Fork()
		clone.Grow(1+i%3, "clone "+string(rune('a'+i)))
		body := request(t, clone, 2)
		all.Go(func() { codes[i], _, _ = post(t, w, body) })
	}
	all.Wait()
	cosigned := 0
	for _, code := range codes {
		if code == http.StatusOK {
			cosigned++
		}
	}
	if cosigned != 1 {
		t.Errorf("%d were cosigned: %v", cosigned, codes)
	}
}

func TestState(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	dir := t.TempDir()
	w := open(t, dir, l)
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrHeld) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := Key(dir, "another.example/w"); err == nil {
		t.Error("the name changed")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others read: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "key")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir}); err == nil {
		t.Error("a state without its key was given another")
	}
	dock := t.TempDir()
	if err := os.WriteFile(filepath.Join(dock, "state.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Key(dock, "w"); !errors.Is(err, ErrForeign) {
		t.Errorf("the state of a dock: %v", err)
	}
}

// serve runs the witness on loopback until the returned function is called, which
// gives what Serve said.
func serve(t *testing.T, w *Witness) (url string, end func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx, l) }()
	return "http://" + l.Addr().String(), func() error {
		cancel()
		return <-done
	}
}

// TestServe: over a real connection, until it is told to end.
func TestServe(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	w := open(t, t.TempDir(), l)
	url, end := serve(t, w)
	l.Grow(1, "entry")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(url+witness.AddPath, "text/plain", bytes.NewReader(request(t, l, 0)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusOK || !bytes.HasPrefix(body, []byte("— witness.example/w1 ")) {
		t.Errorf("%d %s %v", resp.StatusCode, body, err)
	}
	resp, err = client.Get(url + witness.AddPath)
	if err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v %v", resp, err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// TestBroken: a witness that could not write its state cosigns nothing more,
// also not what it has cosigned before, and ends.
func TestBroken(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	w := open(t, t.TempDir(), l)
	l.Grow(1, "entry")
	cosigns(t, w, l, 0)
	_, end := serve(t, w)
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if code, _, body := post(t, w, request(t, l, 1)); code != http.StatusInternalServerError {
			t.Errorf("%d %s", code, body)
		}
	}
	select {
	case <-w.Broken():
	default:
		t.Error("nobody was told")
	}
	if err := end(); err == nil {
		t.Error("it ended as if all were well")
	}
}

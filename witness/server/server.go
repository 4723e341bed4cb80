// Package server is a witness by c2sp.org/tlog-witness: it remembers the largest
// checkpoint it has seen of each log it was told to watch, and cosigns what
// extends it and nothing else.
//
// # What is where
//
// DIR/key is the secret key, 0600, made once. DIR/witness.db (bbolt) holds of
// each log the newest checkpoint it cosigned, and signed checkpoints that
// contradict it, which are proof against whoever holds the log's key. DIR/journal
// tells people what happened, a line of JSON each.
//
// # What a crash leaves
//
// A checkpoint is in witness.db, synced, before its cosignature leaves. So a
// crash can lose an answer, which the log asks for again, and never the memory of
// something cosigned: two trees that contradict each other are not both cosigned.
package server

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/witness"
)

// ErrHeld is wrapped when another process has the witness's state.
var ErrHeld = errors.New("another witness uses it: stop that one, or name another folder with --state")

// ErrForeign is wrapped when the folder holds something else.
var ErrForeign = errors.New("the folder holds other files: name an empty one with --state")

// Options are what a witness is opened with.
type Options struct {
	Dir  string           // its state
	Name string           // of its key, where one has to be made; else it must be that
	Logs []string         // verifier keys of the logs it watches
	Keep []store.Reader   // where the logs are published, to be mirrored; none: they are not
	Now  func() time.Time // nil: time.Now
	Log  *slog.Logger     // nil: silent
}

// Witness is an open witness. It is an http.Handler whose methods may be called
// from many goroutines.
type Witness struct {
	o     Options
	key   *manifest.Cosigner
	logs  map[string][]note.Verifier // by origin
	db    *bbolt.DB
	mux   *http.ServeMux
	turns turns
	grown chan struct{} // a log was cosigned

	journaling sync.Mutex
	failing    sync.Once
	broken     chan struct{} // closed when the state cannot be written any more
	failure    error         // why; read after broken is closed
}

const (
	dbName   = "witness.db"
	lockWait = 200 * time.Millisecond
)

// Open takes the state for this process alone and makes what is missing in it.
func Open(o Options) (*Witness, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Witness{o: o, logs: map[string][]note.Verifier{}, mux: http.NewServeMux(), broken: make(chan struct{}), grown: make(chan struct{}, 1)}
	for _, vkey := range o.Logs {
		v, err := manifest.ParseKey(vkey)
		if err != nil {
			return nil, fmt.Errorf("watch log: %w: give the line that custodock key show prints", err)
		}
		w.logs[v.Name()] = append(w.logs[v.Name()], v)
	}
	if err := w.checkKeep(); err != nil {
		return nil, err
	}
	var err error
	if w.key, err = Key(o.Dir, o.Name); err != nil {
		return nil, err
	}
	if w.db, err = openDB(o.Dir); err != nil {
		return nil, err
	}
	w.mux.HandleFunc("POST "+witness.AddPath, w.add)
	w.mux.HandleFunc("GET /status", w.status)
	w.mux.HandleFunc("GET /{$}", w.page)
	return w, nil
}

// Key reads the witness's key, or makes one called name where there is none. Where
// name is "" it is made from the host's name.
func Key(dir, name string) (*manifest.Cosigner, error) {
	if err := prepare(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "key")
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		err = makeKey(path, name)
		if err == nil || errors.Is(err, os.ErrExist) { // another process was first
			b, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("witness key: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("read witness key %s: others may read it: chmod 600 it", path)
	}
	c, err := manifest.ParseCosigner(strings.TrimSuffix(string(b), "\n"))
	if err != nil {
		return nil, fmt.Errorf("read witness key %s: %w: restore it from its backup", path, err)
	}
	if name != "" && name != c.Key().Name() {
		return nil, fmt.Errorf("read witness key %s: its name is %q, not %q: a witness keeps its name", path, c.Key().Name(), name)
	}
	return c, nil
}

func makeKey(path, name string) error {
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return err
		}
		name = host + "/witness"
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	c, err := manifest.NewCosigner(name, private)
	if err != nil {
		return err
	}
	return durable.CreateFile(path, []byte(c.Encode()+"\n"), 0o600)
}

// prepare makes the folder and refuses one with other things in it.
func prepare(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("open witness state %s: %w", dir, err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), durable.TempPrefix) {
			names[e.Name()] = true
		}
	}
	if names["state.db"] || len(names) > 0 && !names["key"] && !names[dbName] {
		return fmt.Errorf("open witness state %s: %w", dir, ErrForeign)
	}
	if names[dbName] && !names["key"] {
		return fmt.Errorf("open witness state %s: its key is gone: restore it from its backup, or begin a new witness in another folder", dir)
	}
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("open witness state %s: %w", dir, err)
	}
	return nil
}

// Close waits for transactions under way and gives the state back.
func (w *Witness) Close() error { return w.db.Close() }

// fail has everything refused from now on: only opening the state again finds out
// what the disk has.
func (w *Witness) fail(err error) {
	w.failing.Do(func() {
		w.failure = err
		close(w.broken)
	})
}

// Broken is closed when the witness can remember nothing more and must be
// restarted.
func (w *Witness) Broken() <-chan struct{} { return w.broken }

func (w *Witness) failed() error {
	select {
	case <-w.broken:
		return w.failure
	default:
		return nil
	}
}

// Key is the witness's public key.
func (w *Witness) Key() *manifest.WitnessKey { return w.key.Key() }

// Watched is how many logs it was told to watch.
func (w *Witness) Watched() int { return len(w.logs) }

// ServeHTTP answers add-checkpoint, and shows people what there is.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	client := clientOf(r)
	if !w.turns.take(client) {
		rw.Header().Set("Retry-After", "1")
		http.Error(rw, "too many requests at once", http.StatusServiceUnavailable)
		return
	}
	defer w.turns.give(client)
	w.mux.ServeHTTP(rw, r)
}

// add answers one add-checkpoint.
func (w *Witness) add(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, witness.MaxRequest))
	if err != nil {
		http.Error(rw, "the request is too long or broke off", http.StatusBadRequest)
		return
	}
	line, err := w.cosign(body)
	var no *refusal
	switch {
	case errors.As(err, &no):
		if no.status == http.StatusConflict {
			rw.Header().Set("Content-Type", witness.SizeType)
			rw.WriteHeader(no.status)
			_, _ = io.WriteString(rw, strconv.FormatInt(no.size, 10)+"\n")
			return
		}
		http.Error(rw, no.text, no.status)
	case err != nil:
		w.o.Log.Error("cosign", "stage", "witness", "err", err)
		http.Error(rw, "the witness cannot write its state", http.StatusInternalServerError)
	default:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = rw.Write(line)
	}
}

// refusal is an answer that is no cosignature.
type refusal struct {
	status int
	size   int64 // with a conflict
	text   string
}

func (r *refusal) Error() string { return strconv.Itoa(r.status) + ": " + r.text }

// cosign does what the protocol asks, in its order.
func (w *Witness) cosign(body []byte) ([]byte, error) {
	req, err := witness.ParseRequest(body)
	if err != nil {
		return nil, &refusal{status: http.StatusBadRequest, text: err.Error()}
	}
	origin, _, _ := strings.Cut(string(req.Checkpoint), "\n")
	keys, known := w.logs[origin]
	if !known {
		return nil, &refusal{status: http.StatusNotFound, text: "this log is not watched here"}
	}
	var c manifest.Checkpoint
	signed := slices.ContainsFunc(keys, func(v note.Verifier) bool {
		c, err = manifest.OpenCheckpoint(req.Checkpoint, origin, v)
		return err == nil
	})
	switch {
	case !signed && errors.Is(err, manifest.ErrUntrusted):
		return nil, &refusal{status: http.StatusForbidden, text: "no good signature by a key of this log"}
	case !signed:
		return nil, &refusal{status: http.StatusBadRequest, text: err.Error()}
	case req.Old > c.Size:
		return nil, &refusal{status: http.StatusBadRequest, text: "the old size is larger than the checkpoint's"}
	}
	at := w.o.Now()
	told, err := w.remember(req, c, at)
	for _, event := range told { // it is durable, so it may be told
		w.write(event)
		select {
		case w.grown <- struct{}{}:
		default:
		}
	}
	if err != nil {
		return nil, err
	}
	return w.key.Cosign(c, at)
}

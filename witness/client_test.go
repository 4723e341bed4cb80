package witness_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/witness"
	"github.com/custodock/custodock/witness/server"
	"github.com/custodock/custodock/witness/witnesstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const origin = "example.org/dk3v9q"

// stand is a witness that runs, and how many times it was asked.
type stand struct {
	*server.Witness
	url string

	mu    sync.Mutex
	asked int
}

func (s *stand) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	s.mu.Unlock()
	s.Witness.ServeHTTP(rw, r)
}

func (s *stand) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func newStand(t *testing.T, name string, logs ...*witnesstest.Log) *stand {
	t.Helper()
	o := server.Options{Dir: t.TempDir(), Name: name}
	for _, l := range logs {
		o.Logs = append(o.Logs, l.VKey)
	}
	w, err := server.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{Witness: w}
	h := httptest.NewServer(s)
	s.url = h.URL + "/"
	t.Cleanup(func() { h.Close(); _ = w.Close() })
	return s
}

// fake answers what it is told, in the name of a witness with a good key.
func fake(t *testing.T, answer http.HandlerFunc) *stand {
	t.Helper()
	w := newStand(t, "fake.example/w")
	h := httptest.NewServer(answer)
	t.Cleanup(h.Close)
	w.url = h.URL
	return w
}

// client asks these witnesses, all of whom the policy wants. One that hangs has an
// hour: no test waits for it.
func client(t *testing.T, l *witnesstest.Log, witnesses ...*stand) *witness.Client {
	t.Helper()
	return clientOver(t, l, witness.Options{Timeout: time.Hour}, witnesses...)
}

// clientOver is such a client with options of its own.
func clientOver(t *testing.T, l *witnesstest.Log, o witness.Options, witnesses ...*stand) *witness.Client {
	t.Helper()
	var b, names strings.Builder
	for i, w := range witnesses {
		fmt.Fprintf(&b, "witness w%d %s %s\n", i, w.Key(), w.url)
		fmt.Fprintf(&names, " w%d", i)
	}
	fmt.Fprintf(&b, "group everybody all%s\nquorum everybody\n", &names)
	var err error
	if o.Policy, err = manifest.ParsePolicy([]byte(b.String())); err != nil {
		t.Fatal(err)
	}
	o.Key = l.Verifier
	c, err := witness.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// lines counts the cosignatures under a checkpoint that is the log's.
func lines(t *testing.T, l *witnesstest.Log, msg []byte, witnesses ...*stand) int {
	t.Helper()
	var keys []*manifest.WitnessKey
	for _, w := range witnesses {
		keys = append(keys, w.Key())
	}
	if c, err := manifest.OpenCheckpoint(msg, origin, l.Verifier); err != nil || c != l.Head() || !bytes.HasPrefix(msg, l.Checkpoint()) {
		t.Fatalf("%v: %s", err, msg)
	}
	sigs, err := manifest.Cosignatures(msg, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return len(sigs)
}

func TestCosign(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	w0, w1 := newStand(t, "w0.example/w", l), newStand(t, "w1.example/w", l)
	c := client(t, l, w0, w1)
	for i, n := range []int{1, 1, 300, 0} { // the last time it has not grown
		l.Grow(n, "entry")
		msg, err := c.Cosign(t.Context(), l.Size(), l.Checkpoint(), l.Prove)
		if err != nil || lines(t, l, msg, w0, w1) != 2 {
			t.Fatalf("%d entries: %v\n%s", l.Size(), err, msg)
		}
		if w0.times() != i+1 {
			t.Errorf("asked %d times for %d checkpoints", w0.times(), i+1)
		}
	}
	// A client that was started anew asks what the witness has.
	l.Grow(5, "entry")
	fresh := client(t, l, w0, w1)
	msg, err := fresh.Cosign(t.Context(), l.Size(), l.Checkpoint(), l.Prove)
	if err != nil || lines(t, l, msg, w0, w1) != 2 || w0.times() != 6 {
		t.Errorf("asked %d times: %v\n%s", w0.times(), err, msg)
	}
	for _, s := range fresh.Standings() {
		if s.Size != l.Size() || s.Err != nil || s.At.IsZero() {
			t.Errorf("%+v", s)
		}
	}
}

// TestPartly: what some witnesses gave is there, and the others are named with
// what is wrong.
func TestPartly(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	l.Grow(3, "entry")
	good := newStand(t, "w0.example/w", l)
	stranger := newStand(t, "w1.example/w")
	away := fake(t, func(http.ResponseWriter, *http.Request) {})
	away.url = "http://127.0.0.1:1"
	c := client(t, l, good, stranger, away)
	msg, err := c.Cosign(t.Context(), l.Size(), l.Checkpoint(), l.Prove)
	var partly *witness.PartlyError
	if !errors.As(err, &partly) || len(partly.Answers) != 2 || lines(t, l, msg, good, stranger) != 1 {
		t.Fatalf("%v\n%s", err, msg)
	}
	if !errors.Is(err, manifest.ErrUnwitnessed) || errors.Is(err, manifest.ErrForked) {
		t.Errorf("%v", err)
	}
	for _, has := range []string{`witness "w1"`, "404", `witness "w2"`, "does not answer", `"w1", "w2" did not cosign`} {
		if !strings.Contains(err.Error(), has) || strings.Contains(err.Error(), "\n") {
			t.Errorf("no %q in %v", has, err)
		}
	}
}

// TestForkIsNamed: a dock that was cloned, forked or set back is told so by the
// witness that has seen the other history.
func TestForkIsNamed(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	w := newStand(t, "w0.example/w", l)
	l.Grow(4, "entry")
	behind, clone := l.Fork(), l.Fork()
	behind.Grow(1, "day")
	l.Grow(3, "day")
	clone.Grow(3, "night")
	if _, err := client(t, l, w).Cosign(t.Context(), l.Size(), l.Checkpoint(), l.Prove); err != nil {
		t.Fatal(err)
	}
	larger := clone.Fork()
	larger.Grow(2, "night")
	for name, tt := range map[string]struct {
		l    *witnesstest.Log
		want error
		has  string
	}{
		"set back":         {behind, witness.ErrAhead, "has cosigned 7 entries of example.org/dk3v9q and the newest here has 5"},
		"fork of its size": {clone, witness.ErrContradicts, "the first 7 entries"},
		"larger fork":      {larger, witness.ErrContradicts, "the first 7 entries"},
	} {
		c := client(t, tt.l, w)
		for range 2 {
			msg, err := c.Cosign(t.Context(), tt.l.Size(), tt.l.Checkpoint(), tt.l.Prove)
			if !errors.Is(err, tt.want) || !errors.Is(err, manifest.ErrForked) || !strings.Contains(err.Error(), tt.has) {
				t.Errorf("%s: %v", name, err)
			}
			if lines(t, tt.l, msg, w) != 0 {
				t.Errorf("%s was cosigned:\n%s", name, msg)
			}
		}
	}
	if _, err := client(t, l, w).Cosign(t.Context(), l.Size(), l.Checkpoint(), l.Prove); err != nil {
		t.Errorf("the log that was first: %v", err)
	}
}

// TestStrangers: what answers is no witness, or a bad one.
func TestStrangers(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	l.Grow(3, "entry")
	other, wrong := newStand(t, "other.example/w", l), newStand(t, "fake.example/w", l)
	signed := func(w *stand) []byte {
		rec := httptest.NewRecorder()
		w.Witness.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, witness.AddPath, bytes.NewReader(witness.Request{Checkpoint: l.Checkpoint()}.Encode())))
		return rec.Body.Bytes()
	}
	theirs, mistaken := signed(other), signed(wrong)
	size := func(text string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", witness.SizeType)
			rw.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(rw, text)
		}
	}
	var grows atomic.Int64
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		has    string
	}{
		"captive portal": {func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "<html>\x1b[2JWelcome") }, "no cosignature by"},
		"redirect": {func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, "correct its url"},
		"another's line":      {func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(theirs) }, "no cosignature by"},
		"its name, other key": {func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(mistaken) }, "no cosignature by"},
		"endless": {func(rw http.ResponseWriter, _ *http.Request) {
			for range 1 << 10 {
				if _, err := rw.Write(bytes.Repeat([]byte("x"), 1<<10)); err != nil {
					return
				}
			}
		}, "more than 65536 bytes"},
		"forbidden":           {func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "no\x1b[2J", http.StatusForbidden) }, `403 "no\x1b[2J"`},
		"busy":                {func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "later", http.StatusServiceUnavailable) }, "asked again"},
		"unproved first":      {func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "no", http.StatusUnprocessableEntity) }, "422"},
		"conflict of no size": {func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "5", http.StatusConflict) }, "409"},
		"size of no number":   {size("07\n"), "409"},
		"size below zero":     {size("-1\n"), "409"},
		"the same size":       {size("0\n"), "says that it has it"},
		"another each time": {func(rw http.ResponseWriter, r *http.Request) {
			size(fmt.Sprintf("%d\n", 1+grows.Add(1)%2))(rw, r)
		}, "another size each time"},
	} {
		c := client(t, l, fake(t, tt.answer))
		_, err := c.Cosign(t.Context(), l.Size(), l.Checkpoint(), l.Prove)
		if err == nil || !strings.Contains(err.Error(), tt.has) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// carrier takes requests to a witness in this process, without a network and so in
// a test's own time.
type carrier map[string]http.HandlerFunc // by host

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	c[r.URL.Host](rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

// TestNobodyWaits: a witness that hangs costs its timeout, and the others answer.
func TestNobodyWaits(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	l.Grow(3, "entry")
	hangs, good := newStand(t, "fake.example/w"), newStand(t, "w0.example/w", l)
	hangs.url, good.url = "http://hangs.example", "http://good.example"
	synctest.Test(t, func(t *testing.T) {
		asked, began := 0, time.Now()
		c := clientOver(t, l, witness.Options{Timeout: time.Minute, Transport: carrier{
			"good.example":  good.ServeHTTP,
			"hangs.example": func(_ http.ResponseWriter, r *http.Request) { asked++; <-r.Context().Done() },
		}}, hangs, good)
		msg, err := c.Cosign(t.Context(), l.Size(), l.Checkpoint(), l.Prove)
		if err == nil || !strings.Contains(err.Error(), "no answer in time") || lines(t, l, msg, good) != 1 {
			t.Errorf("%v\n%s", err, msg)
		}
		if took := time.Since(began); took != time.Minute || asked != 1 {
			t.Errorf("asked %d times in %v", asked, took)
		}
	})
}

// TestCallerLeaves: a witness that hangs costs no more than the caller has.
func TestCallerLeaves(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	l.Grow(3, "entry")
	release, arrived := make(chan struct{}), make(chan struct{}, 1)
	hangs := fake(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-release
	})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := client(t, l, hangs).Cosign(ctx, l.Size(), l.Checkpoint(), l.Prove); err == nil {
		t.Error("the caller's end ended nothing")
	}
}

func TestCosignBad(t *testing.T) {
	l := witnesstest.NewLog(t, origin)
	l.Grow(3, "entry")
	c := client(t, l, newStand(t, "w0.example/w", l))
	if _, err := c.Cosign(t.Context(), 2, l.Checkpoint(), l.Prove); err == nil {
		t.Error("another size")
	}
	if _, err := c.Cosign(t.Context(), 3, []byte("x"), l.Prove); !errors.Is(err, manifest.ErrMalformed) {
		t.Errorf("no checkpoint: %v", err)
	}
	if _, err := c.Cosign(t.Context(), 3, l.Checkpoint(), l.Prove); err != nil {
		t.Error(err)
	}
	l.Grow(1, "entry")
	broken := errors.New("disk")
	_, err := c.Cosign(t.Context(), 4, l.Checkpoint(), func(int64) (tlog.TreeProof, error) { return nil, broken })
	if !errors.Is(err, broken) {
		t.Errorf("no proof: %v", err)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte("old 0\n\nx\n"))
	f.Add(witness.Request{Old: 7, Proof: tlog.TreeProof{{1}, {2}}, Checkpoint: []byte("a\n8\nb\n")}.Encode())
	f.Add([]byte("old 00\n\nx"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := witness.ParseRequest(b)
		if err != nil {
			if !errors.Is(err, manifest.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(r.Encode(), b) {
			t.Fatalf("%q becomes %q", b, r.Encode())
		}
	})
}

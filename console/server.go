package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/custodock/custodock/access"
)

const (
	// maxRequest bounds a request's body: 1 MiB is a tag on some 60,000 clips.
	maxRequest = 1 << 20
	// drainTime is how long answers under way may take once the daemon ends.
	drainTime = 10 * time.Second
)

// Options are what a server of the socket's interface is made of.
type Options struct {
	Desk    Desk
	Access  func() access.Policy // in force
	Version string               // of this program
	Log     *slog.Logger
}

type server struct {
	Options
	calls   map[string]route
	streams chan struct{} // a place for each stream of events
	writing time.Duration // that a line of a stream may take
}

func newServer(o Options) *server {
	s := &server{Options: o, streams: make(chan struct{}, maxStreams), writing: writeTime}
	s.calls = map[string]route{}
	for _, r := range s.routes() {
		s.calls[r.path] = r
	}
	return s
}

// Serve answers on every listener until ctx ends, then lets the answers under
// way finish and closes them. Ingests asked for through the socket end with ctx
// as well.
func Serve(ctx context.Context, o Options, listeners ...*net.UnixListener) error {
	return newServer(o).listen(ctx, listeners)
}

func (s *server) listen(ctx context.Context, listeners []*net.UnixListener) error {
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       withConn,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	held := newTally()
	served := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { served <- h.Serve(rightsListener{l, held}) }()
	}
	ended := 0
	var failed error
	select {
	case failed = <-served:
		ended++
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if h.Shutdown(drain) != nil {
		s.Log.Warn("closing requests that did not end", "elapsed", drainTime)
		_ = h.Close()
	}
	for ; ended < len(listeners); ended++ {
		if err := <-served; failed == nil && !errors.Is(err, http.ErrServerClosed) {
			failed = err
		}
	}
	if failed != nil {
		return fmt.Errorf("serve the socket: %w", failed)
	}
	return nil
}

// ServeHTTP lets in whom the policy allows to do what they ask for, and bounds
// what they send. Who has no role is not even told which calls there are.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	call, err := s.admit(r)
	if errors.Is(err, errMethod) {
		w.Header().Set("Allow", call.method)
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if call.op != opIngest && call.op != opDerive {
		if stray := connOf(r.Context()).take(); stray != nil {
			_ = stray.Close()
		}
	}
	call.serve(w, r)
}

// admit finds the call and makes sure that the peer may make it.
func (s *server) admit(r *http.Request) (route, error) {
	c := connOf(r.Context())
	if c == nil {
		return route{}, errors.New("nobody is at the other end")
	}
	if c.peerErr != nil {
		return route{}, c.peerErr
	}
	if _, err := s.Access().Act(opVersion, c.peer, ""); err != nil {
		return route{}, err
	}
	call, found := s.calls[r.URL.Path]
	switch {
	case !found && !strings.HasPrefix(r.URL.Path, apiRoot):
		return route{}, fmt.Errorf("%w: %q: this daemon speaks version %d, below %s: update the older of the two programs", errVersion, r.URL.Path, apiVersion, apiRoot)
	case !found:
		return route{}, fmt.Errorf("%w: %q: see GET %s for what there is", errCall, r.URL.Path, pathVersion)
	case r.Method != call.method:
		return call, fmt.Errorf("%w: %q is asked for with %s", errMethod, r.URL.Path, call.method)
	}
	_, err := s.Access().Act(call.op, c.peer, "")
	return call, err
}

// answer turns a method of the desk into a handler.
func answer[Q, A any](s *server, do func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if err := readJSON(r.Body, &q); err != nil {
			s.fail(w, err)
			return
		}
		a, err := do(r.Context(), q)
		if err != nil {
			s.fail(w, err)
			return
		}
		s.tell(w, a)
	}
}

func (s *server) tell(w http.ResponseWriter, a any) {
	b, err := json.Marshal(a)
	if err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // a client that left needs no answer
}

// readJSON accepts exactly one value without unknown fields.
func readJSON(r io.Reader, v any) error {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %s", errRequest, strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something stands behind the request", errRequest)
	}
	return nil
}

func (s *server) fail(w http.ResponseWriter, err error) {
	f := faultOf(err)
	b, failed := json.Marshal(map[string]*fault{"error": f})
	if failed != nil {
		s.Log.Error("error could not be told", "err", failed)
	}
	if f.Code == codeBusy {
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status())
	_, _ = w.Write(append(b, '\n'))
}

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
	"os"
	"strings"
	"time"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/ingest"
)

const (
	// maxRequest bounds a request's body: 1 MiB is a tag on some 60,000 clips.
	maxRequest = 1 << 20
	// drainTime is how long answers under way may take once the daemon ends.
	drainTime = 10 * time.Second
)

type server struct {
	desk Desk
	log  *slog.Logger
	uid  uint32 // this process's own
}

// Serve answers on l until ctx ends, then lets the answers under way finish
// and closes l. Ingests asked for through the socket end with ctx as well.
func Serve(ctx context.Context, l *net.UnixListener, desk Desk, log *slog.Logger) error {
	s := &server{desk: desk, log: log, uid: uint32(os.Geteuid())}
	h := &http.Server{
		Handler:           s.guard(s.routes()),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       withConn,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve(rightsListener{l}) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the socket: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if h.Shutdown(drain) != nil {
		log.Warn("closing requests that did not end", "elapsed", drainTime)
		_ = h.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the socket: %w", err)
	}
	return nil
}

// guard lets in whom access allows and bounds what they send.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		c := connOf(r.Context())
		err := errors.New("no connection")
		if c != nil {
			if err = c.uidErr; err == nil {
				err = access.Manage(c.uid, s.uid)
			}
		}
		if err != nil {
			s.fail(w, fmt.Errorf("use the dock: %w", err))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		if r.URL.Path != pathIngest {
			if stray := c.take(); stray != nil {
				_ = stray.Close()
			}
		}
		next.ServeHTTP(w, r)
	})
}

// The paths of the interface.
const (
	pathStatus     = "/v1/status"
	pathChanged    = "/v1/changed"
	pathClips      = "/v1/clips"
	pathShow       = "/v1/show"
	pathTag        = "/v1/tag"
	pathIngest     = "/v1/ingest"
	pathExport     = "/v1/export"
	pathKey        = "/v1/key"
	pathCheckpoint = "/v1/checkpoint"
	pathEntry      = "/v1/entry"
	pathProve      = "/v1/prove"
	pathDoctor     = "/v1/doctor"
)

// what names an entry or a clip.
type what struct {
	What string `json:"what"`
}

// The answers that are not a type of package ingest.
type (
	keyAnswer struct {
		Key string `json:"key"`
	}
	bytesAnswer struct {
		Bytes []byte `json:"bytes"` // base64
	}
	clipsAnswer struct {
		Clips []string `json:"clips"`
	}
	stampAnswer struct {
		Stamps []ingest.Stamp `json:"stamps"`
	}
	condAnswer struct {
		Conditions []ingest.Condition `json:"conditions"`
	}
	empty struct{}
)

func (s *server) routes() http.Handler {
	d := s.desk
	m := http.NewServeMux()
	m.Handle("POST "+pathStatus, answer(s, func(ctx context.Context, _ empty) (ingest.Status, error) {
		return d.Status(ctx)
	}))
	m.Handle("POST "+pathChanged, answer(s, func(ctx context.Context, _ empty) (empty, error) {
		return empty{}, d.Changed(ctx)
	}))
	m.Handle("POST "+pathShow, answer(s, func(ctx context.Context, q what) (ingest.ClipDetail, error) {
		return d.Show(ctx, q.What)
	}))
	m.Handle("POST "+pathTag, answer(s, func(ctx context.Context, q ingest.TagRequest) (stampAnswer, error) {
		stamps, err := d.Tag(ctx, q)
		return stampAnswer{stamps}, err
	}))
	m.Handle("POST "+pathExport, answer(s, func(ctx context.Context, q ingest.ExportRequest) (clipsAnswer, error) {
		clips, err := d.Export(ctx, q)
		return clipsAnswer{clips}, err
	}))
	m.Handle("POST "+pathKey, answer(s, func(ctx context.Context, _ empty) (keyAnswer, error) {
		key, err := d.Key(ctx)
		return keyAnswer{key}, err
	}))
	m.Handle("POST "+pathCheckpoint, answer(s, func(ctx context.Context, _ empty) (bytesAnswer, error) {
		b, err := d.Checkpoint(ctx)
		return bytesAnswer{b}, err
	}))
	m.Handle("POST "+pathEntry, answer(s, func(ctx context.Context, q what) (bytesAnswer, error) {
		b, err := d.Entry(ctx, q.What)
		return bytesAnswer{b}, err
	}))
	m.Handle("POST "+pathProve, answer(s, func(ctx context.Context, q what) (bytesAnswer, error) {
		b, err := d.Prove(ctx, q.What)
		return bytesAnswer{b}, err
	}))
	m.Handle("POST "+pathDoctor, answer(s, func(ctx context.Context, _ empty) (condAnswer, error) {
		found, err := d.Doctor(ctx)
		return condAnswer{found}, err
	}))
	m.HandleFunc("POST "+pathClips, s.clips)
	m.HandleFunc("POST "+pathIngest, s.ingest)
	return m
}

// answer turns a method of the desk into a handler.
func answer[Q, A any](s *server, do func(context.Context, Q) (A, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		b, err := json.Marshal(a)
		if err != nil {
			s.fail(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(b, '\n')) // a client that left needs no answer
	})
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
		s.log.Error("error could not be told", "err", failed)
	}
	status := http.StatusInternalServerError
	switch f.Code {
	case "denied":
		status = http.StatusForbidden
	case "no_clip", "not_exist":
		status = http.StatusNotFound
	case codeRequest:
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}

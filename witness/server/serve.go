package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	requestTime = 10 * time.Second // for a request and for its answer
	drainTime   = 2 * time.Second  // for requests under way at the end
)

// Serve answers on l until ctx ends, which is its normal end, or until the state
// cannot be written any more.
func (w *Witness) Serve(ctx context.Context, l net.Listener) error {
	s := &http.Server{
		Handler: w, ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(w.o.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	stop := w.startKeeping(ctx)
	defer stop()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-w.broken:
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if s.Shutdown(drain) != nil {
		_ = s.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	select {
	case <-w.broken: // also when it was told to end
		return fmt.Errorf("%w: mend the disk and start the witness again", w.failure)
	default:
		return nil
	}
}

// startKeeping mirrors logs where that is asked for; stop ends it and waits.
func (w *Witness) startKeeping(ctx context.Context) (stop func()) {
	if len(w.o.Keep) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.keeping(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

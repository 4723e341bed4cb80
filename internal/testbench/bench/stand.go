package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Stand is what the makers of testbench take for a test: servers, proxies and
// cameras that are made on it go when it is closed.
type Stand struct {
	testing.TB // nil; what is not defined here must not be called

	ctx    context.Context
	cancel context.CancelFunc
	dir    string

	mu       sync.Mutex
	cleanups []func()
	errs     []error
}

// NewStand makes a stand whose files lie in a folder of the bench.
func (b *Bench) NewStand(ctx context.Context) (*Stand, error) {
	dir, err := os.MkdirTemp(b.Dir, "stand-")
	if err != nil {
		return nil, err
	}
	s := &Stand{dir: dir}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s, nil
}

// On does one run on a stand of its own.
func (b *Bench) On(ctx context.Context, run func(*Stand) (Sample, error)) (Sample, error) {
	s, err := b.NewStand(ctx)
	if err != nil {
		return Sample{}, err
	}
	var out Sample
	err = s.Do(func() error {
		var err error
		out, err = run(s)
		return err
	})
	return out, errors.Join(err, s.Close())
}

// Do calls a function that uses the stand, and gives its error or that of the
// Fatal which ended it.
func (s *Stand) Do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		defer close(done) // all there is after a Goexit
		done <- f()
	}()
	err := <-done
	s.mu.Lock()
	defer s.mu.Unlock()
	err = errors.Join(append(s.errs, err)...)
	s.errs = nil
	return err
}

// Close undoes what was made, the newest first, and empties what is left.
func (s *Stand) Close() error {
	s.cancel()
	err := s.Do(func() error {
		for {
			s.mu.Lock()
			n := len(s.cleanups) - 1
			if n < 0 {
				s.mu.Unlock()
				return nil
			}
			f := s.cleanups[n]
			s.cleanups = s.cleanups[:n]
			s.mu.Unlock()
			f()
		}
	})
	return errors.Join(err, empty(s.dir))
}

// Helper does nothing.
func (s *Stand) Helper() {}

// Context ends when the stand is closed or the bench broken off.
func (s *Stand) Context() context.Context { return s.ctx }

// Cleanup has f called by Close.
func (s *Stand) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

// TempDir is a new folder that goes with the stand.
func (s *Stand) TempDir() string {
	dir, err := os.MkdirTemp(s.dir, "")
	if err != nil {
		s.Fatal(err)
	}
	return dir
}

// Errorf notes an error that Do or Close gives.
func (s *Stand) Errorf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, fmt.Errorf(format, args...))
}

// Error is Errorf without a format.
func (s *Stand) Error(args ...any) { s.Errorf("%s", strings.TrimSpace(fmt.Sprintln(args...))) }

// Fatal notes an error and ends the function that Do runs.
func (s *Stand) Fatal(args ...any) {
	s.Error(args...)
	runtime.Goexit()
}

// Fatalf is Fatal with a format.
func (s *Stand) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}

// Failed is whether an error was noted that nobody was given yet.
func (s *Stand) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.errs) > 0
}

// Logf drops what only a test shows.
func (s *Stand) Logf(string, ...any) {}

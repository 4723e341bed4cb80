package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStand(t *testing.T) {
	b := newBench(t)
	s, err := b.NewStand(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	var file string
	err = s.Do(func() error {
		file = filepath.Join(s.TempDir(), "file")
		if err := os.WriteFile(file, []byte("bytes"), 0o444); err != nil {
			return err
		}
		s.Cleanup(func() { order = append(order, "first"); s.Errorf("%s", "unclean") })
		s.Cleanup(func() { order = append(order, "second") })
		s.Errorf("went %s", "wrong")
		s.Fatalf("broke %d", 1)
		return errors.New("came back from Fatalf")
	})
	if err == nil || err.Error() != "went wrong\nbroke 1" {
		t.Errorf("%v", err)
	}
	if err := s.Do(func() error { return nil }); err != nil || s.Failed() {
		t.Errorf("told twice: %v", err)
	}
	if err := s.Close(); err == nil || err.Error() != "unclean" {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff([]string{"second", "first"}, order); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(file); err != nil || info.Size() != 0 {
		t.Errorf("%v, %v", info, err)
	}
	if s.Context().Err() == nil {
		t.Error("its context goes on")
	}
}

func TestOn(t *testing.T) {
	b := newBench(t)
	closed := 0
	s, err := b.On(t.Context(), func(s *Stand) (Sample, error) {
		s.Cleanup(func() { closed++ })
		return Sample{Seconds: 3}, nil
	})
	if err != nil || s.Seconds != 3 || closed != 1 {
		t.Errorf("%+v, %v, closed %d times", s, err, closed)
	}
	_, err = b.On(t.Context(), func(s *Stand) (Sample, error) {
		s.Cleanup(func() { closed++ })
		s.Fatal("no", "server")
		return Sample{}, nil
	})
	if err == nil || !strings.Contains(err.Error(), "no server") || closed != 2 {
		t.Errorf("%v, closed %d times", err, closed)
	}
}

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify/verifytest"
)

// late is a store that shows the rest of a log when it is asked often enough.
type late struct {
	store.Reader
	asked int
	grow  func()
}

func (s *late) Open(ctx context.Context, name, version string) (store.File, error) {
	if strings.HasSuffix(name, "/checkpoint") {
		if s.asked++; s.asked == 3 {
			s.grow()
		}
	}
	return s.Reader.Open(ctx, name, version)
}

// TestExportFromAStoreBehind: a store that lacks the newest entries is passed over,
// and one that gets them is waited for, or named.
func TestExportFromAStoreBehind(t *testing.T) {
	old, whole := t.TempDir(), t.TempDir()
	l := verifytest.New(t, old)
	l.Clip("a.mp4", "content")
	l.Publish()
	size := l.Size()
	if err := os.CopyFS(whole, os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	newer := l.Fork(whole)
	for range size + 1 {
		newer.Append("docking.closed", nil, nil)
	}
	newer.Publish()
	a := newApp(nil, nil, nil, func(string) string { return "" })
	for _, dir := range []string{old, whole} {
		a.cfg.Stores = append(a.cfg.Stores, configs.Store{URL: "file://" + filepath.ToSlash(dir)})
	}
	r, err := a.shownBy(t.Context(), l.Key, size+1)
	if err != nil {
		t.Fatal(err)
	}
	if err := shows(t.Context(), r, l.Key, size+1); err != nil {
		t.Errorf("the store that is behind was taken: %v", err)
	}
	_ = r.Close()
	if _, err := a.shownBy(t.Context(), l.Key, size+2); !errors.Is(err, errBehind) {
		t.Errorf("no store shows it: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := awaitShown(ctx, l.Memory(), l.Key, size+1); err == nil {
		t.Error("what is not shown was waited for no longer, and passed")
	}
	slow := &late{Reader: l.Memory()}
	slow.grow = func() {
		l.Append("docking.closed", nil, nil)
		l.Publish()
		slow.Reader = l.Memory()
	}
	if err := awaitShown(t.Context(), slow, l.Key, size+1); err != nil || slow.asked < 3 {
		t.Errorf("asked %d times: %v", slow.asked, err)
	}
}

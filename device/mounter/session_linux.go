package mounter

import (
	"context"
	"fmt"
	"regexp"
	"sync"
)

var (
	devID  = regexp.MustCompile(`^[0-9]{1,4}:[0-9]{1,8}$`)
	digest = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// first serves the request that opens a session; it is told whether that gave a
// volume.
func (s *server) first(ctx context.Context, w *wire, lines <-chan []byte) (*volume, bool) {
	var line []byte
	select {
	case <-ctx.Done():
		return nil, false
	case line = <-lines:
	}
	r, err := parse(line)
	if err == nil && r.Op != opMount {
		err = fmt.Errorf("%w: nothing is mounted on this connection", errMalformed)
	}
	if err != nil {
		s.Log.Warn("refuse a request", "err", err)
		_ = w.send(reply{Error: encodeError(err)})
		return nil, false
	}
	v, err := s.mount(r.Dev)
	if err != nil {
		s.Log.Warn("mount", "dev", r.Dev, "err", err)
		_ = w.send(reply{Error: encodeError(err)})
		return nil, false
	}
	for _, note := range v.notes {
		s.Log.Warn("a mount is weaker than it should be", "dev", r.Dev, "why", note)
	}
	s.Log.Info("mounted", "dev", r.Dev, "fs", v.super.FSType)
	told := volumeReply{Dev: v.id, FS: v.super.FSType, UUID: v.super.UUID, Label: []byte(v.super.Label), Notes: v.notes}
	if err := w.send(reply{Volume: &told}, v.root, v.mount); err != nil {
		s.Log.Warn("hand a volume over", "dev", r.Dev, "err", err)
		s.release(v)
		return nil, false
	}
	return v, true
}

// later serves a request of a session that has its volume, and is told whether
// the session goes on.
func (s *server) later(ctx context.Context, w *wire, v *volume, line []byte) bool {
	r, err := parse(line)
	if err == nil && r.Op != opErase {
		err = fmt.Errorf("%w: this connection has its volume", errMalformed)
	}
	if err != nil {
		s.Log.Warn("refuse a request", "dev", v.id, "err", err)
		_ = w.send(reply{Error: encodeError(err)})
		return false
	}
	if !s.Erase {
		err = fmt.Errorf("this mounter erases nothing; start it with --erase: %w", ErrNotAllowed)
	} else {
		err = v.erase(ctx, r)
	}
	if err != nil {
		s.Log.Warn("erase", "dev", v.id, "err", err)
		return w.send(reply{Error: encodeError(err)}) == nil
	}
	s.Log.Info("erased a file", "dev", v.id, "size", r.Size, "sha256", r.SHA256)
	return w.send(reply{Erased: true}) == nil
}

// claim keeps two connections from one volume. Between the look at a device and
// its mount the kernel itself would let both in.
func (s *server) claim(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[id] {
		return fmt.Errorf("another connection has it: %w", ErrBusy)
	}
	s.used[id] = true
	return nil
}

// has reports whether a volume is some connection's.
func (s *server) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used[id]
}

// turn is held while the lock of a disk is changed and what that allows is done:
// two volumes of one disk must not lock it under each other.
func (s *server) turn(whole string) *sync.Mutex {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turns[whole] == nil {
		s.turns[whole] = &sync.Mutex{}
	}
	return s.turns[whole]
}

func (s *server) release(v *volume) {
	v.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.used, v.id)
	s.Log.Info("let go", "dev", v.id)
}

package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// worker owns the goroutines that serve every docking: for each store a
// publisher, an uploader, a scrubber and a reaper, and one that tidies the spool. A
// command that only looks or writes an entry starts publishers alone.
type worker struct {
	mu         sync.Mutex
	ctx        context.Context // of all of it
	cancel     context.CancelFunc
	publishing bool
	working    bool
	ended      bool
	others     sync.WaitGroup // what works for no single store
}

// startPublishing has the log shown to the stores from now on.
func (s *Station) startPublishing() { s.start(false) }

// startWork has clips uploaded, and all that follows, from now on.
func (s *Station) startWork() { s.start(true) }

func (s *Station) start(work bool) {
	w := &s.work
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.publishing && (w.working || !work) {
		return
	}
	if w.ctx == nil {
		w.ctx, w.cancel = context.WithCancel(context.Background())
	}
	if work && !w.working {
		w.others.Go(func() { s.tidying(w.ctx) })
	}
	w.publishing, w.working = true, w.working || work
	for _, c := range s.centrals() {
		s.serve(c)
	}
	s.markDirty() // an earlier run may have left entries unpublished
}

// serveFresh starts what works for the stores that came with a configuration.
func (s *Station) serveFresh() {
	s.work.mu.Lock()
	defer s.work.mu.Unlock()
	if s.work.ended {
		return
	}
	for _, c := range s.centrals() {
		s.serve(c)
	}
}

// serve starts what shall work for one store and does not yet; the worker is
// locked.
func (s *Station) serve(c *central) {
	w := &s.work
	if c.stop == nil && w.publishing {
		c.ctx, c.stop = context.WithCancel(w.ctx)
	}
	if w.publishing && !c.publishing {
		c.publishing = true
		c.serving.Go(func() { s.publishing(c.ctx, c) })
	}
	if !w.working || c.working {
		return
	}
	c.working = true
	c.serving.Go(func() { s.upload(c.ctx, c) })
	if s.o.Daemon {
		c.serving.Go(func() { s.scrubbing(c.ctx, c) })
		c.serving.Go(func() { s.reaping(c.ctx, c) })
	}
}

// stopWork ends it all and waits.
func (s *Station) stopWork() {
	w := &s.work
	w.mu.Lock()
	w.ended = true
	if w.cancel != nil {
		w.cancel()
	}
	w.mu.Unlock()
	w.others.Wait()
	for _, c := range s.centrals() {
		c.serving.Wait()
		c.publisher.end()
	}
}

// runEntry is the run.started entry, made before the first other entry of this
// process and not by commands that only look.
type runEntry struct {
	mu   sync.Mutex
	done bool
}

// commit is the only way into the log: never when it is forked, and never
// before it says which program writes.
func (s *Station) commit(ctx context.Context, job func(*ledger.Tx) error) error {
	if err := s.healthy(); err != nil {
		return err
	}
	err := s.ensureRun(ctx)
	if err == nil {
		err = s.ledger.Commit(ctx, job)
	}
	err = s.stopCause(err)
	if err != nil && ctx.Err() == nil {
		s.diskAlarm(spoolError(err)) // before the daemon ends, which tells it to a person
	}
	if errors.Is(err, ledger.ErrStopped) {
		s.broken.Do(func() { close(s.stopped) })
	}
	return err
}

// stopCause asks the disk why the log stopped, since the database keeps only the
// words of some errors. It tries to write: from Linux 6.15 on a file system that
// stopped for an error of its own does not show as read-only in statfs.
func (s *Station) stopCause(err error) error {
	if !errors.Is(err, ledger.ErrStopped) || errors.Is(err, unix.EROFS) {
		return err
	}
	f, no := os.CreateTemp(s.state, durable.TempPrefix+"*")
	if no == nil {
		_ = f.Close()
		no = os.Remove(f.Name())
	}
	if errors.Is(no, unix.EROFS) {
		return fmt.Errorf("%w: %w", err, unix.EROFS)
	}
	return err
}

func (s *Station) ensureRun(ctx context.Context) error {
	s.run.mu.Lock()
	defer s.run.mu.Unlock()
	if s.run.done {
		return nil
	}
	binary, err := s.program.sum()
	if err != nil {
		return fmt.Errorf("hash this program: %w", err)
	}
	config := "default"
	if s.o.ConfigFile != "" {
		if config, err = digestOfFile(s.o.ConfigFile); err != nil {
			return fmt.Errorf("hash the configuration: %w", err)
		}
	}
	err = s.ledger.Commit(ctx, func(tx *ledger.Tx) error {
		_, err := s.append(tx, manifest.Draft{Type: "run.started", Actor: "dock", Fields: manifest.Object{
			"version": s.o.Version, "binary": binary, "config": config,
		}})
		return err
	})
	s.run.done = err == nil
	return err
}

// ownDigest is that of the program that runs. A daemon finds it out when it
// starts: that takes a slow machine long, and the first camera must not wait.
type ownDigest struct {
	mu     sync.Mutex
	digest string
}

func (p *ownDigest) sum() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.digest != "" {
		return p.digest, nil
	}
	var err error
	p.digest, err = digestOfFile("/proc/self/exe")
	return p.digest, err
}

func digestOfFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// append adds an entry and folds it into the catalog in the same transaction.
func (s *Station) append(tx *ledger.Tx, d manifest.Draft) (manifest.Entry, error) {
	a, err := tx.Append(d)
	if err != nil {
		return manifest.Entry{}, err
	}
	return a.Entry, catalog{tx.Bolt()}.apply(a.Entry, d.Record)
}

// kernelClock says how far the kernel believes its own clock.
func kernelClock() manifest.Clock {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return manifest.Clock{Source: "unknown"}
	}
	const unsynchronised = 5 // TIME_ERROR
	return manifest.Clock{
		Source: "system", Synced: state != unsynchronised && t.Status&unix.STA_UNSYNC == 0,
		ErrorMS: (time.Duration(t.Maxerror) * time.Microsecond).Milliseconds(),
	}
}

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/ingest"
)

// settle is how long a configuration file must be left alone before it is read
// again: editors write in several steps.
const settle = 300 * time.Millisecond

// reloader puts the configuration in force anew whenever its file changes or
// SIGHUP comes. One that is refused leaves the old one in force, with an alarm.
type reloader struct {
	a       *app
	station *ingest.Station
	log     *slog.Logger
	file    string
	seen    [sha256.Size]byte // of the text that was tried last
}

// reloading follows the configuration file until ctx ends.
func (a *app) reloading(ctx context.Context, station *ingest.Station, log *slog.Logger) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	r := &reloader{a: a, station: station, log: log, file: a.configFile}
	if r.file == "" {
		r.file = systemConfig // it may come
	}
	if abs, err := filepath.Abs(r.file); err == nil {
		r.file = abs
	}
	r.changed()
	w := watchFolder(filepath.Dir(r.file), log)
	defer w.close()
	quiet := time.NewTimer(0)
	<-quiet.C
	defer quiet.Stop()
	for {
		select {
		case <-hup:
			r.seen = [sha256.Size]byte{}
			r.reload(ctx)
		case e := <-w.events:
			if e.Name == r.file || e.Op.Has(fsnotify.Create) { // a link beside it may have changed
				quiet.Reset(settle)
			}
		case err := <-w.errors:
			log.Warn("watch the configuration", "err", err)
			quiet.Reset(settle) // events were lost: look
		case <-quiet.C:
			r.reload(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// folderWatch is what fsnotify tells of a folder; nothing where it cannot.
type folderWatch struct {
	events <-chan fsnotify.Event
	errors <-chan error
	close  func()
}

// watchFolder tells what changes in a folder. A watch on the file itself would
// be lost when an editor puts another in its place. Without a watch there is
// still SIGHUP.
func watchFolder(dir string, log *slog.Logger) folderWatch {
	w, err := fsnotify.NewWatcher()
	if err == nil {
		if err = w.Add(dir); err == nil {
			return folderWatch{w.Events, w.Errors, func() { _ = w.Close() }}
		}
		_ = w.Close()
	}
	if !errors.Is(err, os.ErrNotExist) {
		log.Warn("watch the configuration", "err", err)
	}
	return folderWatch{close: func() {}}
}

// changed reports whether the file has another text than when it was last
// tried.
func (r *reloader) changed() bool {
	text, err := os.ReadFile(r.file)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) || r.a.configFile != ""
	}
	sum := sha256.Sum256(text)
	was := r.seen
	r.seen = sum
	return sum != was
}

func (r *reloader) reload(ctx context.Context) {
	if !r.changed() {
		return
	}
	err := r.try(ctx)
	r.station.RefuseConfig(err)
	if err != nil {
		r.log.Error("configuration refused", "err", err)
		return
	}
	r.log.Info("configuration in force")
}

func (r *reloader) try(ctx context.Context) error {
	cfg, err := configs.Load(r.file)
	if err != nil {
		return err
	}
	if err := r.a.override(&cfg); err != nil {
		return err
	}
	if cfg.Board != r.a.cfg.Board {
		return fmt.Errorf("change board from %q to %q: %w: restart it, or change it back", r.a.cfg.Board, cfg.Board, ingest.ErrFixed)
	}
	return r.station.Reconfigure(ctx, cfg, r.file)
}

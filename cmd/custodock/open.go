package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

const (
	systemState  = "/var/lib/custodock"
	systemConfig = "/etc/custodock/custodock.yaml"
	// heldWait is how long a short command waits for another one to end, or
	// for a daemon that has locked the state and does not listen yet.
	heldWait  = 3 * time.Second
	heldRetry = 100 * time.Millisecond
)

// configure loads the configuration and puts the global flags over it.
func (a *app) configure(cmd *cobra.Command) error {
	a.cfg = configs.Default()
	file, given := a.flags.config, a.flags.config != ""
	if !given {
		file = systemConfig
	}
	cfg, err := configs.Load(file)
	asked := ""
	switch {
	case err == nil:
		a.cfg, asked, a.configFile = cfg, cfg.Lang, file
	case given || !errors.Is(err, fs.ErrNotExist):
		a.started = true // a file in disorder is not a matter of typing
		return err
	}
	if l := a.flags.lang; l != "" && l != message.English && l != message.Chinese {
		return usagef("--lang %q: use en or zh", l)
	}
	a.lang = message.Pick(a.env, a.flags.lang, asked)
	a.cfg.Lang = a.lang
	if a.state, err = a.stateDir(cmd.Flags().Changed("state")); err != nil {
		return err
	}
	return a.override(&a.cfg)
}

// stateDir is --state, else the system's for root, else the user's own.
func (a *app) stateDir(given bool) (string, error) {
	dir := a.flags.state
	switch {
	case given && dir == "":
		return "", usagef("--state names no folder")
	case given:
	case os.Geteuid() == 0:
		dir = systemState
	default:
		base := a.env("XDG_STATE_HOME")
		if base == "" {
			home := a.env("HOME")
			if home == "" {
				return "", usagef("HOME is not set: name the state folder with --state")
			}
			base = filepath.Join(home, ".local", "state")
		}
		dir = filepath.Join(base, "custodock")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find state folder: %w", err)
	}
	return abs, nil
}

// options are those of a station in this process. The state is made on the fly
// but in the system's place, where only init may.
func (a *app) options(create bool) ingest.Options {
	return ingest.Options{
		State: a.state, Config: a.cfg, ConfigFile: a.configFile, Version: version(), Now: a.now, Log: a.logger(),
		Create: create && a.state != systemState, OpenStore: openStore,
	}
}

// desk is the daemon of the state when one listens, else a station of our own.
// Whoever calls it calls done.
func (a *app) desk(ctx context.Context, create bool) (desk console.Desk, done func() error, err error) {
	patience, cancel := context.WithTimeout(ctx, heldWait)
	defer cancel()
	retry := time.NewTicker(heldRetry)
	defer retry.Stop()
	for {
		client, err := console.Dial(a.state)
		if err == nil {
			a.warnOtherStores(ctx, client)
			return client, func() error { return nil }, nil
		}
		if !errors.Is(err, console.ErrNoDaemon) {
			return nil, nil, err
		}
		station, err := ingest.Open(ctx, a.options(create))
		if err == nil {
			return station, station.Close, nil
		}
		var held *ingest.HeldError
		if !errors.As(err, &held) {
			return nil, nil, err
		}
		select {
		case <-retry.C:
		case <-patience.Done():
			return nil, nil, err
		}
	}
}

// askStores is how long a daemon may take to name its stores.
const askStores = 2 * time.Second

// warnOtherStores tells a person whose --store or --config name other stores
// than the daemon that does the work has: what was typed is not in force.
func (a *app) warnOtherStores(ctx context.Context, desk console.Desk) {
	if a.warned || a.flags.quiet || len(a.flags.stores) == 0 && a.flags.config == "" {
		return
	}
	a.warned = true
	ctx, cancel := context.WithTimeout(ctx, askStores)
	defer cancel()
	found, err := desk.Doctor(ctx)
	if err != nil {
		return // the command itself meets it again
	}
	var theirs, ours []string
	for _, c := range found {
		if c.Code == "store" && len(c.Args) == 2 {
			theirs = append(theirs, c.Args[1])
		}
	}
	for _, s := range a.cfg.Stores {
		ours = append(ours, s.URL)
	}
	if len(theirs) > 0 && !slices.Equal(theirs, ours) {
		_, _ = fmt.Fprintln(a.err, "custodock: "+a.say("warn.stores", message.Line(strings.Join(theirs, ", "))))
	}
}

// with runs do on the desk and closes it.
func (a *app) with(ctx context.Context, create bool, do func(console.Desk) error) error {
	desk, done, err := a.desk(ctx, create)
	if err != nil {
		return err
	}
	return errors.Join(do(desk), done())
}

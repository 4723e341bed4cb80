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
	// systemPublic is where the daemon of systemState also listens, for those
	// who may not enter the state; the service manager makes it. The variable
	// names another folder, for any state.
	systemPublic = "/run/custodock"
	publicEnv    = "CUSTODOCK_RUNTIME_DIR"
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
	if a.state, err = a.stateDir(cmd.Name(), cmd.Flags().Changed("state")); err != nil {
		return err
	}
	return a.override(&a.cfg)
}

// stateDir is --state, else the system's for root, else the user's own. Who has
// no state of its own on a machine with a dock means that dock: an officer's
// clip must not go astray into a new state of the officer's.
func (a *app) stateDir(command string, given bool) (string, error) {
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
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) && command != "init" && command != "run" && a.dockHere() {
			dir = systemState
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find state folder: %w", err)
	}
	return abs, nil
}

// places are the state and where else its daemon is reached.
func (a *app) places() console.Places {
	return console.Places{State: a.state, Public: a.publicOf(a.state), Same: a.state == systemState}
}

func (a *app) publicOf(state string) string {
	if dir := a.env(publicEnv); dir != "" {
		return dir
	}
	if state == systemState {
		return systemPublic
	}
	return ""
}

// dockHere reports whether the daemon of this machine answers to everyone.
func (a *app) dockHere() bool {
	_, err := console.Dial(console.Places{State: a.publicOf(systemState)})
	return err == nil
}

// options are those of a station in this process. The state is made on the fly
// but in the system's place, where only init may.
func (a *app) options(create bool) ingest.Options {
	return ingest.Options{
		State: a.state, Config: a.cfg, ConfigFile: a.configFile, Version: version(), Now: a.now, Log: a.logger(),
		Create: create && a.state != systemState, OpenStore: openStore, OpenTSA: openTSA,
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
		client, err := console.Dial(a.places())
		if err == nil {
			a.warnOtherStores(ctx, client)
			return client, func() error { return nil }, nil
		}
		if !errors.Is(err, console.ErrNoDaemon) {
			return nil, nil, err
		}
		station, err := ingest.Open(ctx, a.options(create))
		if err == nil {
			return own{station}, station.Close, nil
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
	st, err := desk.Status(ctx)
	if err != nil {
		return // the command itself meets it again
	}
	var theirs, ours []string
	for _, q := range st.Queue {
		theirs = append(theirs, q.URL)
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

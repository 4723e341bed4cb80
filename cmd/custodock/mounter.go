package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device/mounter"
	"github.com/custodock/custodock/device/usb"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/notify"
)

// dockUser is whom the helper serves where --user does not say.
const dockUser = "custodock"

// mounterFlags are those of the helper.
type mounterFlags struct {
	user, socket, users, pin string
	erase                    bool
}

func (a *app) mounterCmd() *cobra.Command {
	var f mounterFlags
	cmd := &cobra.Command{
		Use:   "mounter",
		Short: a.say("cmd.mounter"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.mounter(cmd.Context(), f, cmd.Flags().Changed("user"))
		},
	}
	cmd.Flags().StringVar(&f.user, "user", dockUser, a.say("flag.mounter.user"))
	cmd.Flags().StringVar(&f.socket, "socket", "", a.say("flag.mounter.socket"))
	cmd.Flags().StringVar(&f.users, "users", "", a.say("flag.mounter.users"))
	cmd.Flags().StringVar(&f.pin, "pin", "", a.say("flag.mounter.pin"))
	cmd.Flags().BoolVar(&f.erase, "erase", false, a.say("flag.mounter.erase"))
	return cmd
}

// mounter is the privileged helper. It serves the daemon's user and root until
// ctx ends, which is its normal end.
func (a *app) mounter(ctx context.Context, f mounterFlags, named bool) error {
	if os.Geteuid() != 0 {
		return errors.New("serve as mounter: only root may mount: start custodock-mounter.service, or run it as root")
	}
	uid, gid, err := idsOf(f.user, named)
	if err != nil {
		return err
	}
	if f.pin != "" {
		return mounter.PinIDMap(uid, gid, f.pin)
	}
	log := a.daemonLogger()
	users := idMap(f.users, uid, gid, log)
	if users != nil {
		defer func() { _ = users.Close() }()
	}
	l, err := mounter.Listen(a.mounterSocket(f.socket), gid)
	if err != nil {
		return err
	}
	log.Info("serve", "socket", l.Addr().String(), "uid", uid, "erase", f.erase)
	if err := notify.Send(a.env, "READY=1"); err != nil {
		log.Warn("say ready", "err", err)
	}
	o := mounter.Options{UID: uid, GID: gid, Erase: f.erase, Users: users, Log: log}
	for _, st := range a.cfg.Stores {
		if st.FSUUID != "" {
			o.Archives = append(o.Archives, st.FSUUID)
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return mounter.Serve(ctx, l, o) })
	guard := ingest.Guard(a.cfg)
	g.Go(func() error { return a.guard(ctx, guard, log) })
	g.Go(func() error {
		a.reguard(ctx, guard, log)
		return nil
	})
	return g.Wait()
}

// reguard has the guard follow the configuration at SIGHUP. How far it reaches is
// settled at the start; which ports are bays is not.
func (a *app) reguard(ctx context.Context, g *usb.Guard, log *slog.Logger) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
		case <-ctx.Done():
			return
		}
		cfg, err := configs.Load(cmp.Or(a.configFile, systemConfig))
		if err == nil {
			next := ingest.Guard(cfg)
			err = g.Change(next.Ports, next.Rule)
		}
		if err != nil {
			log.Error("change the guard", "err", err)
		}
	}
}

// guard lets in on USB what the configuration allows, until ctx ends.
func (a *app) guard(ctx context.Context, g *usb.Guard, log *slog.Logger) error {
	g.Kept = filepath.Join(filepath.Dir(a.mounterSocket("")), "usb-defaults")
	err := g.Run(ctx, func(f usb.Finding) {
		if f.Err != nil {
			log.Error("guard a port", "port", f.Device.Path, "err", f.Err)
		}
		for _, v := range f.Refused() {
			log.Warn("refuse a function of a device", "port", f.Device.Path, "model", f.Device.Model().String(), "reason", v.Reason)
		}
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// mounterSocket is where the helper listens: the flag's, else where the daemon of
// the same configuration looks for it.
func (a *app) mounterSocket(flag string) string {
	switch {
	case flag != "":
		return flag
	case a.cfg.Mounter != "":
		return a.cfg.Mounter
	}
	return mounter.DefaultSocket
}

// idsOf are the numbers of a user. Without the usual one on this machine root
// alone is served.
func idsOf(name string, named bool) (uid, gid uint32, err error) {
	u, err := user.Lookup(name)
	var unknown user.UnknownUserError
	if errors.As(err, &unknown) && !named {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, usagef("--user %q: %v", name, err)
	}
	id, err := strconv.ParseUint(u.Uid, 10, 32)
	group, groupErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err, groupErr); err != nil {
		return 0, 0, fmt.Errorf("numbers of user %q: %w", name, err)
	}
	return uint32(id), uint32(group), nil
}

// idMap is what lets the daemon read root's files on ext4 cards; they are mounted
// without it where it cannot be had.
func idMap(path string, uid, gid uint32, log *slog.Logger) *os.File {
	if uid == 0 {
		return nil
	}
	open := func() (*os.File, error) { return mounter.OpenIDMap(path) }
	if path == "" {
		open = func() (*os.File, error) { return mounter.IDMap(uid, gid) }
	}
	users, err := open()
	if err != nil {
		log.Warn("files of root on ext4 cards stay closed to the dock", "err", err)
		return nil
	}
	return users
}

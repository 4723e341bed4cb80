package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/internal/notify"
)

// boardDrain is how long a page under way may take once the daemon ends.
const boardDrain = 2 * time.Second

func (a *app) runCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: a.say("cmd.run"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.daemon(cmd.Context()) },
	}
}

// daemon serves cameras, socket and board until ctx ends, which is its normal
// end, or until one of them cannot go on.
func (a *app) daemon(ctx context.Context) error {
	o := a.options(true)
	o.Daemon, o.Log = true, a.daemonLogger()
	station, err := ingest.Open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(a.serve(ctx, station, o.Log), station.Close())
}

func (a *app) serve(ctx context.Context, station *ingest.Station, log *slog.Logger) error {
	sockets, err := a.listen(log)
	if err != nil {
		return err
	}
	page, err := a.boardListener(notify.Listener)
	if err != nil {
		for _, l := range sockets {
			err = errors.Join(err, l.Close())
		}
		return err
	}
	asked := ctx // to end
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return station.Run(ctx) })
	g.Go(func() error {
		return console.Serve(ctx, console.Options{
			Desk: station, Access: func() access.Policy { return access.New(station.Config().Access, uint32(os.Geteuid())) }, Version: version(), Log: log,
		}, sockets...)
	})
	if page != nil {
		g.Go(func() error { return serveBoard(ctx, page, console.Board(station, station.Config), log) })
	}
	g.Go(func() error { return a.reloading(ctx, station, log) })
	g.Go(func() error {
		notify.Watchdog(ctx, a.env, func(ctx context.Context) error {
			_, err := station.Status(ctx)
			return err
		})
		return nil
	})
	if err := a.ready(ctx, station, page); err != nil {
		log.Warn("say ready", "err", err)
	}
	err = g.Wait()
	if asked.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	_ = notify.Send(a.env, "STOPPING=1") // nobody is left to tell
	return err
}

// listen makes the socket of the state, and the one for everyone where the
// folder for it is there. Cameras are served without the latter.
func (a *app) listen(log *slog.Logger) ([]*net.UnixListener, error) {
	socket, err := console.Listen(a.state)
	if err != nil {
		return nil, err
	}
	sockets := []*net.UnixListener{socket}
	folder := a.places().Public
	if folder == "" {
		return sockets, nil
	}
	public, err := console.ListenPublic(folder)
	switch {
	case err == nil:
		sockets = append(sockets, public)
	case !errors.Is(err, fs.ErrNotExist):
		log.Warn("listen for officers and auditors", "err", err)
	}
	return sockets, nil
}

// listenBoard listens on loopback only: the page shows what is in the dock and
// asks nobody who they are.
func listenBoard(addr string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, usagef("board %q: write host:port, such as 127.0.0.1:8630", addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usagef("board %q: the board serves the dock's own screen only: use 127.0.0.1 or [::1]", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("show the board: %w: choose another address with board: in the configuration", err)
	}
	return l, nil
}

func serveBoard(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the board: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), boardDrain)
	defer cancel()
	if s.Shutdown(drain) != nil {
		_ = s.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the board: %w", err)
	}
	return nil
}

// ready tells the person and systemd that cameras may be docked.
func (a *app) ready(ctx context.Context, station *ingest.Station, page net.Listener) error {
	s, err := station.Status(ctx)
	if err != nil {
		return err
	}
	name, address := s.Authority+"/"+s.Log, ""
	if page != nil {
		address = "http://" + page.Addr().String() + "/"
	}
	if a.flags.json {
		err = a.printJSON(map[string]any{"ready": map[string]string{"dock": name, "board": address}})
	} else {
		err = a.println(a.say("run.ready", message.Line(name)))
		if address != "" {
			err = errors.Join(err, a.println(a.say("run.board", address)))
		}
	}
	return errors.Join(err, notify.Send(a.env, "READY=1\nSTATUS="+message.Line(name)))
}

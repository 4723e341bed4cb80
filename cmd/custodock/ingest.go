package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

// together is how many folders are taken in at once; each is a camera of its
// own, and the engine shares its buffers among them.
const together = 8

func (a *app) ingestCmd() *cobra.Command {
	var tags tagFlags
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "ingest DIR…",
		Short: a.say("cmd.ingest"),
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if wait < 0 {
				return usagef("--wait %s: time does not run backwards", wait)
			}
			said, err := a.tags(tags)
			if err != nil {
				return err
			}
			folders, err := openFolders(args)
			if err != nil {
				return err
			}
			r := ingest.Request{Tags: said, Wait: wait}
			err = a.with(cmd.Context(), true, func(desk console.Desk) error {
				return a.ingest(cmd.Context(), desk, r, folders)
			})
			closeFolders(folders)
			return err
		},
	}
	tags.register(a, cmd)
	cmd.Flags().DurationVar(&wait, "wait", 5*time.Minute, a.say("flag.wait"))
	return cmd
}

type folder struct {
	path string // absolute, links resolved: the same folder is the same source
	file *os.File
}

// openFolders opens every folder before anything is taken in, so that a wrong
// name stops the command while nothing has happened yet.
func openFolders(args []string) ([]folder, error) {
	var out []folder
	seen := map[string]bool{}
	for _, arg := range args {
		path, file, err := openFolder(arg)
		if err != nil {
			closeFolders(out)
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%w: name the folder where the camera is mounted", err)
			}
			return nil, fmt.Errorf("open %s: %w", message.Safe(arg), err)
		}
		if seen[path] {
			_ = file.Close()
			continue
		}
		seen[path] = true
		out = append(out, folder{path, file})
	}
	return out, nil
}

func openFolder(arg string) (string, *os.File, error) {
	path, err := filepath.Abs(arg)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", nil, bare(err)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", nil, bare(err)
	}
	if info, err := file.Stat(); err != nil || !info.IsDir() {
		_ = file.Close()
		return "", nil, errors.Join(err, errors.New("not a folder: name the camera's folder, not a file in it"))
	}
	return path, file, nil
}

// bare leaves out the path, which the caller names already.
func bare(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func closeFolders(folders []folder) {
	for _, f := range folders {
		_ = f.file.Close() // those an ingest took are closed already
	}
}

// ingest takes all folders in together and sums them up. A folder that fails
// as a whole is told and does not stop the others.
func (a *app) ingest(ctx context.Context, desk console.Desk, r ingest.Request, folders []folder) error {
	p := a.newIngestPrinter(len(folders))
	g, began := new(errgroup.Group), a.now()
	g.SetLimit(together)
	for i, f := range folders {
		g.Go(func() error {
			r := r
			r.Dir, r.Folder = f.path, f.file
			sum, err := desk.Ingest(ctx, r, func(e ingest.Event) { p.event(i, e) })
			p.ended(i, sum, err)
			return nil
		})
	}
	_ = g.Wait()
	a.tellLost(ctx, desk)
	return p.finish(a.now().Sub(began))
}

// tellLost names the clips whose copy on the dock is not whole: the person at
// hand may have their camera in reach.
func (a *app) tellLost(ctx context.Context, desk console.Desk) {
	st, err := desk.Status(ctx)
	if err != nil {
		return // the ingest itself says what is wrong
	}
	for _, alarm := range st.Alarms {
		if alarm.Code != "clip_lost" {
			continue
		}
		title, do := console.AlarmText(alarm, a.lang)
		_, _ = fmt.Fprintf(a.err, "custodock: %s: %s: %s\n", title, message.Line(alarm.Text), do)
	}
}

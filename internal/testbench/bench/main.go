// Bench measures custodock against programs that do the same or less, side by
// side on the same machine, because machines drift and only ratios travel. Each
// row of its table is some work, the sides that do it in turns, and the bars that
// the medians of the rounds must meet. docs/performance.md holds the last table.
//
//	go run ./internal/testbench/bench -rows 1,4 -rounds 3 -scale 0.1
//
// The peers that are programs of ours, and do nothing but hash, copy or upload,
// are this program called as `bench peer`, so that the kernel counts them apart.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/custodock/custodock/internal/testbench"
)

// options are the flags.
type options struct {
	bin, dir            string
	rows                string
	rounds              int
	scale               float64
	json, md            string
	record, guard, show string
	list, untuned       bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "peer" {
		return peer(ctx, args[1:])
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.show != "" {
		t, err := readTable(o.show)
		if err == nil {
			fmt.Print(t.Machine.markdown(), "\n", t.markdown())
		}
		return err
	}
	if o.list {
		for _, r := range rows() {
			fmt.Printf("%s\t%s\n", r.ID, r.Title)
		}
		return nil
	}
	return bench(ctx, o)
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.bin, "bin", "bin/custodock", "the custodock to measure")
	f.StringVar(&o.dir, "dir", "", "folder on the disk to measure (default the temporary one)")
	f.StringVar(&o.rows, "rows", "", "rows to run, as 1,4,8 (default all; -list names them)")
	f.IntVar(&o.rounds, "rounds", 0, "runs of each side (default each row's own)")
	f.Float64Var(&o.scale, "scale", 1, "size of the work; ratios are those of the table at 1 only")
	f.StringVar(&o.json, "json", "", "file for all figures")
	f.StringVar(&o.md, "md", "", "file for the table in Markdown")
	f.StringVar(&o.record, "record", "", "file whose figures the ones of this run replace")
	f.StringVar(&o.guard, "guard", "", "file of medians that this run must not be worse than")
	f.StringVar(&o.show, "show", "", "file of medians to write as Markdown; no row is run")
	f.BoolVar(&o.untuned, "untuned", false, "give rclone and others their usual settings and search for no better ones")
	f.BoolVar(&o.list, "list", false, "name the rows and run none")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 || o.rounds < 0 || o.scale <= 0 {
		return o, errors.New("usage: bench [flags], see -help")
	}
	if (o.record != "" || o.guard != "") && (o.scale != 1 || o.untuned) {
		return o, errors.New("-record and -guard are about the whole work with peers at their best: leave out -scale and -untuned")
	}
	return o, nil
}

// bench runs the chosen rows and writes what was asked for.
func bench(ctx context.Context, o options) (err error) {
	chosen, unknown := selected(rows(), o.rows)
	if len(unknown) > 0 {
		return fmt.Errorf("no row is called %q: -list names them", unknown)
	}
	b, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	t := Table{Machine: machine(b), Scale: o.scale}
	t.Machine.print(b.out)
	for _, r := range chosen {
		report, err := b.measure(r)
		if err != nil {
			return errors.Join(fmt.Errorf("row %s: %w", r.ID, err), t.deliver(o)) // what there is
		}
		report.print(b.out)
		t.Rows = append(t.Rows, report)
	}
	return errors.Join(t.deliver(o), t.guard(o.guard))
}

// open makes the folder that everything of a run lies in.
func open(ctx context.Context, o options) (*Bench, error) {
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(bin); err != nil {
		return nil, fmt.Errorf("look for custodock: %w: run make build, or name it with -bin", err)
	}
	root, err := testbench.Root()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.dir, "custodock-bench-")
	if err != nil {
		return nil, err
	}
	return &Bench{
		Bin: bin, Dir: dir, ctx: ctx, self: self, servers: filepath.Join(root, "bin", "servers"),
		scale: o.scale, rounds: o.rounds, untuned: o.untuned, out: os.Stdout,
	}, nil
}

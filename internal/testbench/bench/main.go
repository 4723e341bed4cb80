// Bench measures an ingest against what a person would do by hand, in pairs
// on the same disk, because machines drift and only ratios travel:
//
//	large: custodock ingest   against   openssl dgst -sha256 FILES && cp -r SRC DST && sync -f DST
//	small: custodock ingest   against   cp -r SRC DST && sync -f DST
//
// Each ingest goes into a fresh state with the embedded store. The source is
// in the page cache for both.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/custodock/custodock/internal/testbench"
)

// options are the flags.
type options struct {
	bin    string
	dir    string
	out    string
	mode   string
	rounds int
	files  int
	size   int64 // KiB
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	var o options
	flag.StringVar(&o.bin, "bin", "bin/custodock", "the custodock to measure")
	flag.StringVar(&o.dir, "dir", "", "folder on the disk to measure (default the temporary one)")
	flag.StringVar(&o.out, "json", "bench.json", "file for the figures")
	flag.StringVar(&o.mode, "mode", "both", "large, small or both")
	flag.IntVar(&o.rounds, "rounds", 5, "pairs of runs")
	flag.IntVar(&o.files, "files", 0, "number of files (default 8 large, 10000 small)")
	flag.Int64Var(&o.size, "size", 0, "KiB a file (default 131072 large, 64 small)")
	flag.Parse()
	if flag.NArg() > 0 || o.rounds < 1 {
		return errors.New("usage: bench [flags], see -help")
	}
	modes := map[string][]string{"large": {"large"}, "small": {"small"}, "both": {"large", "small"}}[o.mode]
	if modes == nil {
		return fmt.Errorf("mode %q is none of large, small and both", o.mode)
	}
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return err
	}
	o.bin = bin
	reports := make([]Report, 0, len(modes))
	for _, mode := range modes {
		r, err := measure(o, mode)
		if err != nil {
			return fmt.Errorf("%s: %w", mode, err)
		}
		r.print(os.Stdout)
		reports = append(reports, r)
	}
	text, err := json.MarshalIndent(reports, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.out, append(text, '\n'), 0o644)
}

// measure makes the files of one mode and runs all its rounds.
func measure(o options, mode string) (Report, error) {
	r := Report{Mode: mode, Peer: "by hand", Files: 8, Size: 128 << 20}
	if mode == "small" {
		r.Files, r.Size = 10_000, 64<<10
	}
	if o.files > 0 {
		r.Files = o.files
	}
	if o.size > 0 {
		r.Size = o.size << 10
	}
	tmp, err := os.MkdirTemp(o.dir, "custodock-bench-")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	src := filepath.Join(tmp, "source")
	fmt.Printf("%s: making %d files of %d KiB\n", mode, r.Files, r.Size>>10)
	if _, err := testbench.MakeClips(src, r.Files, r.Size, 1); err != nil {
		return r, err
	}
	for i := range o.rounds {
		var round Round
		pair := []func() error{
			func() (err error) { round.A, err = ingest(o.bin, tmp, src, r.Files); return err },
			func() (err error) { round.B, err = byHand(mode, tmp, src); return err },
		}
		// The first of a pair may find a busier disk: take turns.
		if i%2 == 1 {
			pair[0], pair[1] = pair[1], pair[0]
		}
		for _, one := range pair {
			if err := one(); err != nil {
				return r, err
			}
		}
		fmt.Printf("round %d: custodock %.2f s, by hand %.2f s\n", i+1, round.A.Seconds, round.B.Seconds)
		r.Rounds = append(r.Rounds, round)
	}
	return r, nil
}

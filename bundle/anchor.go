package bundle

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

// maxStamp bounds a checkpoint and a time stamp, in bytes.
const maxStamp = 1 << 20

// anchor is the one checkpoint that every proof of a package is under.
type anchor struct {
	manifest.Checkpoint
	note      []byte
	witnesses []string // that cosigned it, by the names their lines give
	stamps    []token
}

// token is an RFC 3161 reply over the note.
type token struct {
	name string // in the package
	data []byte
	at   time.Time
}

// beside matches what may stand beside checkpoints/<size>.
var beside = regexp.MustCompile(`^(?:\.[a-z0-9-]{1,32})*\.tsr$`)

// findAnchor chooses among the published checkpoint and those that were kept
// because they are cosigned or stamped: of those that cover all entries below
// size the one that most people vouch for, the earliest of these.
func (w *writer) findAnchor(ctx context.Context, size int64) error {
	w.anchor = anchor{Checkpoint: w.head.Checkpoint, note: w.head.Note}
	prefix := manifest.LogPath(w.head.Log, "checkpoints/")
	others := map[int64][]string{}
	var sizes []int64
	for info, err := range w.Store.List(ctx, prefix) {
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		digits, rest, _ := strings.Cut(info.Name[len(prefix):], ".")
		n, err := strconv.ParseInt(digits, 10, 64)
		switch {
		case err != nil || n < size || n > w.head.Checkpoint.Size || strconv.FormatInt(n, 10) != digits:
		case rest == "":
			sizes = append(sizes, n)
		default:
			others[n] = append(others[n], "."+rest)
		}
	}
	slices.Sort(sizes)
	for _, n := range sizes {
		a, err := w.readAnchor(ctx, prefix+strconv.FormatInt(n, 10), n, others[n])
		if err != nil {
			return err
		}
		if a.weight() > w.anchor.weight() {
			w.anchor = a
		}
	}
	return nil
}

// weight orders anchors: both kinds of witness before one, then how many.
func (a anchor) weight() int {
	weight := min(len(a.witnesses), 50) + min(len(a.stamps), 49)
	for _, some := range []bool{len(a.witnesses) > 0, len(a.stamps) > 0} {
		if some {
			weight += 100
		}
	}
	return weight
}

// readAnchor reads a kept checkpoint. One that the key signed and that is not of
// this history is a *verify.MismatchError; one that cannot be used is worth nothing.
func (w *writer) readAnchor(ctx context.Context, path string, size int64, others []string) (anchor, error) {
	note, err := store.ReadBare(ctx, w.Store, path, maxStamp)
	if err != nil {
		return anchor{}, ignoreMissing(path, err)
	}
	a := anchor{note: note}
	if a.Checkpoint, err = manifest.OpenCheckpoint(note, w.head.Checkpoint.Origin, w.head.Verifier); err != nil || a.Size != size {
		return anchor{}, nil
	}
	root, err := tlog.TreeHash(size, w.hashes)
	if err != nil {
		return anchor{}, fmt.Errorf("hash the first %d entries: %w", size, err)
	}
	if root != a.Root {
		return anchor{}, &verify.MismatchError{Cause: path + ": is signed, but the log had another history: it is forked"}
	}
	a.witnesses = cosigners(string(note), a.Origin)
	for _, ending := range others {
		if !beside.MatchString(ending) {
			continue
		}
		data, err := store.ReadBare(ctx, w.Store, path+ending, maxStamp)
		if err != nil {
			if err = ignoreMissing(path+ending, err); err != nil {
				return anchor{}, err
			}
			continue
		}
		st, err := stamp.Parse(data)
		if err == nil {
			err = st.Over(note)
		}
		if err == nil { // else it is worth nothing
			a.stamps = append(a.stamps, token{"log/checkpoint" + ending, data, st.Time})
		}
	}
	return a, nil
}

func ignoreMissing(path string, err error) error {
	if errors.Is(err, store.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("read %s: %w", path, err)
}

// cosigners are the names of the signature lines that are not the log's own.
func cosigners(note, origin string) (names []string) {
	_, lines, _ := strings.Cut(note, "\n\n")
	for line := range strings.Lines(lines) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[1] != origin && !slices.Contains(names, fields[1]) {
			names = append(names, fields[1])
		}
	}
	return names
}

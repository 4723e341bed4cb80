package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/store"
)

// ErrUnstamped is wrapped when a size has no checkpoint of its own, or no time
// stamp over it.
var ErrUnstamped = errors.New("no time stamp over it is in the store")

// Sealed is a checkpoint with all that proves its time without the store: what an
// evidence package takes in.
type Sealed struct {
	Size       int64
	Checkpoint []byte   // exactly the bytes that are stamped, with the lines of witnesses
	Replies    [][]byte // RFC 3161 TimeStampResp over Checkpoint, DER
	Roots      [][]byte // PEM files of the store that a stamp leads to; they are no roots of trust
	Authority  string   // of the first reply, as its certificate says
	Time       time.Time
	Until      time.Time // end of the certificate that signed it
}

// StampedSizes lists the sizes below o.Store's newest checkpoint that have a
// checkpoint and a time stamp of their own, ascending.
func StampedSizes(ctx context.Context, o Options) ([]int64, error) {
	head, err := Open(ctx, o)
	if err != nil {
		return nil, err
	}
	var sizes []int64
	prefix := manifest.LogPath(head.Log, "checkpoints/")
	for info, err := range o.Store.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		s, stamped := strings.CutSuffix(info.Name[len(prefix):], ".tsr")
		if n, ok := number(s); stamped && ok && n <= head.Checkpoint.Size {
			sizes = append(sizes, n)
		}
	}
	slices.Sort(sizes)
	return sizes, nil
}

// OpenSealed reads the checkpoint of a size with its time stamp, and checks that
// both are what they seem; ErrUnstamped when the store has none. The error is a
// *MismatchError when they are not.
func OpenSealed(ctx context.Context, o Options, size int64) (Sealed, error) {
	v, log, err := o.key()
	if err != nil {
		return Sealed{}, err
	}
	path := manifest.LogPath(log, fmt.Sprintf("checkpoints/%d", size))
	s := Sealed{Size: size}
	if s.Checkpoint, err = readSealed(ctx, o, path, maxSmall); err != nil {
		return Sealed{}, err
	}
	reply, err := readSealed(ctx, o, path+".tsr", stamp.MaxReply)
	if err != nil {
		return Sealed{}, err
	}
	c, err := manifest.OpenCheckpoint(s.Checkpoint, v.Name(), v)
	if err == nil && c.Size != size {
		err = fmt.Errorf("is a checkpoint of %d entries", c.Size)
	}
	if err != nil {
		return Sealed{}, &MismatchError{Cause: path + ": " + err.Error()}
	}
	st, err := stamp.Parse(reply)
	if err == nil {
		err = st.Over(s.Checkpoint)
	}
	if err == nil && o.Roots != nil {
		_, err = st.Chain(o.Roots)
	}
	if err != nil {
		return Sealed{}, &MismatchError{Cause: path + ".tsr: " + err.Error()}
	}
	s.Replies, s.Authority, s.Time, s.Until = [][]byte{reply}, st.Authority(), st.Time, st.Expires()
	s.Roots, err = rootsOf(ctx, o, log, st)
	return s, err
}

func readSealed(ctx context.Context, o Options, path string, limit int64) ([]byte, error) {
	data, err := store.ReadBare(ctx, o.Store, path, limit)
	if errors.Is(err, store.ErrNotExist) {
		err = ErrUnstamped
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}

// rootsOf finds the files of roots beside the log that a stamp leads to.
func rootsOf(ctx context.Context, o Options, log string, st *stamp.Stamp) (out [][]byte, err error) {
	prefix := manifest.LogPath(log, "tsa/")
	for info, err := range o.Store.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		text, err := store.ReadBare(ctx, o.Store, info.Name, stamp.MaxRoots)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", info.Name, err)
		}
		roots, err := stamp.ParseRoots(text)
		if err != nil {
			continue // verify names it
		}
		if _, err := st.Chain(roots); err == nil {
			out = append(out, text)
		}
	}
	return out, nil
}

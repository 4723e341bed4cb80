package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// checkpoints checks the cosigned checkpoints and time stamps beside the log.
// Each must be a prefix of the newest, where the entries have shown what the
// roots are. Of a time stamp it is only checked that it is over its
// checkpoint's bytes; who gave it is for tools that know the authority.
func (s *scan) checkpoints(ctx context.Context, rooted bool) error {
	s.roots[0], _ = tlog.TreeHash(0, nil)
	newest, cosigned := "", []byte(nil)
	for _, size := range s.fs.checkpoints {
		path := manifest.LogPath(s.head.Log, "checkpoints/"+strconv.FormatInt(size, 10))
		msg, err := store.ReadBare(ctx, s.Store, path, maxSmall)
		if err != nil {
			s.report.add(path, "%s", unreadable(err))
			continue
		}
		c, err := manifest.OpenCheckpoint(msg, s.head.Checkpoint.Origin, s.head.Verifier)
		switch {
		case err != nil:
			s.report.add(path, "%v", err)
		case c.Size != size:
			s.report.add(path, "is a checkpoint of %d entries", c.Size)
		case size > s.head.Checkpoint.Size:
			s.report.add(path, "is signed and has %d entries, the newest checkpoint only %d: the log was cut short",
				size, s.head.Checkpoint.Size)
		case rooted && c.Root != s.roots[size]:
			s.report.add(path, "is signed, but the log had another history: it is forked")
		default:
			newest, cosigned = path, msg // sizes ascend
		}
		if _, stamped := slices.BinarySearch(s.fs.stamps, size); stamped {
			s.stamp(ctx, path+".tsr", msg)
		}
	}
	for _, size := range s.fs.stamps {
		if _, found := slices.BinarySearch(s.fs.checkpoints, size); !found {
			s.report.add(manifest.LogPath(s.head.Log, "checkpoints/"+strconv.FormatInt(size, 10)),
				"is missing, but its time stamp is there")
		}
	}
	s.cosignedBy(newest, cosigned)
	return ctx.Err()
}

func (s *scan) stamp(ctx context.Context, path string, msg []byte) {
	reply, err := store.ReadBare(ctx, s.Store, path, maxSmall)
	sum := sha256.Sum256(msg)
	switch {
	case err != nil:
		s.report.add(path, "%s", unreadable(err))
	case !bytes.Contains(reply, sum[:]):
		s.report.add(path, "is no time stamp over its checkpoint")
	}
}

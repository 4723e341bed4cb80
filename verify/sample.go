package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
)

// sampleStart is what is hashed first, so that a rank is nothing else's digest.
const sampleStart = "custodock audit sample v1\n"

// Drawn is a clip that a sample chose.
type Drawn struct {
	Clip   string `json:"clip"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
	Rank   string `json:"rank"` // hex; the lowest is drawn first
}

// Sample draws, for a seed that everybody knows, the same clips for everyone who
// has the log: of the n clips among its first size entries (0 is all of them) those
// that need tags are ranked by SHA-256 of the seed and their leaf hash, and the
// share of lowest rank is drawn, rounded up. A dock could choose its entries if it
// knew the seed before: draw that later. Errors are those of Log.
func Sample(ctx context.Context, o Options, seed string, share float64, size int64) (head Head, drawn []Drawn, among int, err error) {
	if head, err = Open(ctx, o); err != nil {
		return head, nil, 0, err
	}
	if size > head.Checkpoint.Size {
		return head, nil, 0, fmt.Errorf("draw from %d entries: the log has %d", size, head.Checkpoint.Size)
	}
	type ranked struct {
		n    int64
		rank clip.Digest
	}
	var all []ranked
	head, err = Log(ctx, o, func(e manifest.Entry) error {
		if e.Type == "clip.ingested" && clip.Role(e.Fields.Str("role")).NeedsTags() && (size == 0 || e.N < size) {
			all = append(all, ranked{e.N, rankOf(seed, e)})
		}
		return nil
	})
	if err != nil {
		return head, nil, 0, err
	}
	slices.SortFunc(all, func(a, b ranked) int { return bytes.Compare(a.rank[:], b.rank[:]) })
	chosen := all[:min(len(all), int(math.Ceil(share*float64(len(all)))))]
	for _, c := range chosen {
		e, err := entryAt(ctx, o, head, c.n)
		if err == nil && rankOf(seed, e) != c.rank {
			err = &MismatchError{Cause: fmt.Sprintf("entry %d changed while it was read", c.n)}
		}
		if err != nil {
			return head, nil, 0, err
		}
		length, _ := e.Fields.Int("size")
		drawn = append(drawn, Drawn{Clip: e.Name(), SHA256: e.Fields.Str("sha256"), Size: length, Rank: c.rank.String()})
	}
	return head, drawn, len(all), nil
}

func rankOf(seed string, e manifest.Entry) clip.Digest {
	leaf := manifest.LeafHash(e.Raw)
	h := sha256.New()
	h.Write([]byte(sampleStart + seed + "\n"))
	h.Write(leaf[:])
	return clip.Digest(h.Sum(nil))
}

// entryAt reads one entry again.
func entryAt(ctx context.Context, o Options, head Head, n int64) (manifest.Entry, error) {
	r := newRun(o, nil)
	r.head = head
	_, raws, err := r.entries(ctx, r.tileAt(-1, n/manifest.TileWidth))
	if err != nil {
		return manifest.Entry{}, r.refused(ctx, fmt.Sprintf("entry %d: %s", n, r.unreadable(err)))
	}
	return manifest.ParseEntry(raws[n%manifest.TileWidth])
}

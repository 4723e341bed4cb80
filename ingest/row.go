package ingest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/tag"
)

// ingested is the record of a clip.ingested entry: all that is personal or
// secret about an acquisition.
type ingested struct {
	Source     clip.Source       `json:"source"`
	Path       string            `json:"path"`               // U+FFFD for bytes that are not UTF-8
	PathHex    string            `json:"path_hex,omitempty"` // the raw bytes, when Path is not exact
	ModTime    time.Time         `json:"mtime"`              // as the filesystem said
	Identities []device.Identity `json:"identities,omitempty"`
	Profile    string            `json:"profile,omitempty"`
	CRC64      string            `json:"crc64nvme"`
	Media      clip.Media        `json:"media"`
	Tags       clip.Tags         `json:"tags"`
	ResumedAt  int64             `json:"resumed_at,omitempty"` // bytes that were read at an earlier docking
	Notes      []string          `json:"notes,omitempty"`      // odd facts: empty file, clock reset
}

// tagged is the record of a clip.tagged entry: what changed, and why.
type tagged struct {
	Tags   clip.Tags `json:"tags"`
	Reason string    `json:"reason,omitempty"`
}

// row is the state of one clip, rebuilt from its entries and records alone.
type row struct {
	facts
	fate
}

// facts are what a clip is. Only a tag changes them.
type facts struct {
	N        int64       `json:"n"`
	Leaf     string      `json:"leaf"`
	SHA256   clip.Digest `json:"sha256"`
	SM3      string      `json:"sm3,omitempty"`
	Size     int64       `json:"size"`
	Role     clip.Role   `json:"role"`
	Device   string      `json:"device"`
	Bay      string      `json:"bay,omitempty"`
	SameAs   string      `json:"same_as,omitempty"`
	Span     *tag.Span   `json:"span,omitempty"`
	Offset   *tag.Offset `json:"offset,omitempty"`
	Ingested time.Time   `json:"ingested"`
	Record   ingested    `json:"record"`
	Tags     clip.Tags   `json:"tags"`              // folded
	Derived  *derivation `json:"derived,omitempty"` // nil: it is a clip
}

// fate is what became of a clip. Every store adds to it, so it stands by itself:
// the facts, most of them tags, need not be read and written for it. In a state
// of an older version it stands with the facts until it changes.
type fate struct {
	Stored  map[string]int64 `json:"stored,omitempty"` // store name to its clip.stored entry
	Proofs  map[string]proof `json:"proofs,omitempty"` // store name to its last reading back
	Entries []int64          `json:"entries,omitempty"`
}

// seen is what a path on a source held when it was last read: enough to tell
// whether it may be the same, never proof that it is.
type seen struct {
	N          int64             `json:"n"`
	Size       int64             `json:"size"`
	ModTime    int64             `json:"mtime"` // nanoseconds
	Samples    clip.Digest       `json:"samples"`
	Identities []device.Identity `json:"identities,omitempty"`
	Read       time.Time         `json:"read"` // dock time of the last whole read
}

// queued is a clip that waits for one store.
type queued struct {
	Leaf     string      `json:"leaf"`
	SHA256   clip.Digest `json:"sha256"`
	Size     int64       `json:"size"`
	CRC64    uint64      `json:"crc64"`
	PartSize int64       `json:"part_size"`
	Parts    []uint64    `json:"parts,omitempty"`
	Since    time.Time   `json:"since"`
	Derived  *derivation `json:"derived,omitempty"` // of a file that was made from a clip
}

// The buckets of state.db beside the ledger's own. Keys: clip and fate big-endian n;
// triple and seen a digest over source, path (and bytes); digest the SHA-256
// followed by n; queue the store's name, a zero byte and n; source its string; upload the
// store's name, a zero byte and what the store names its note; load the store's
// name; proof the store's name, a zero byte, when its turn is and n; partial that of seen;
// clock the neutral id of a device.
var (
	clipBucket   = []byte("clip")
	fateBucket   = []byte("fate")
	tripleBucket = []byte("triple")
	digestBucket = []byte("digest")
	seenBucket   = []byte("seen")
	queueBucket  = []byte("queue")
	sourceBucket = []byte("source")
	metaBucket   = []byte("meta")
	uploadBucket = []byte("upload")
	loadBucket   = []byte("load")
	proofBucket  = []byte("proof")
	clockBucket  = []byte("clock")
)

var partialBucket = []byte("partial")

var allBuckets = [][]byte{
	clipBucket, fateBucket, tripleBucket, digestBucket, seenBucket, queueBucket, sourceBucket, metaBucket, uploadBucket, loadBucket, proofBucket,
	deviceBucket, bayBucket, partialBucket, clockBucket, erasingBucket, erasedBucket, heldBucket, anchorBucket,
}

func key(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func queueKey(store string, n int64) []byte {
	return append(append([]byte(store), 0), key(n)...)
}

func digestKey(d clip.Digest, n int64) []byte { return append(d[:], key(n)...) }

func encode(v any) ([]byte, error) { return json.Marshal(v) }

func decode(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	return nil
}

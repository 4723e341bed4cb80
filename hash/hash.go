// Package hash reads bytes once and computes every digest the project needs
// from the same buffers: SHA-256 (FIPS 180-4) for the proof, CRC-64/NVME of
// each part and of the whole for stores that check uploads, and SM3
// (GB/T 32905-2016) where it is asked for.
package hash

import (
	"crypto/sha256"
	"encoding/hex"
	stdhash "hash"
	"sync/atomic"

	"github.com/emmansun/gmsm/sm3"
	"github.com/minio/crc64nvme"

	"github.com/custodock/custodock/clip"
)

// PartSize is the size in bytes of the parts that get a checksum of their own.
const PartSize = 16 << 20

// Sum is everything one read tells of the bytes.
type Sum struct {
	SHA256   clip.Digest
	SM3      string // 64 hex digits, "" when it was not asked for
	Size     int64  // bytes
	CRC64    uint64
	PartSize int64
	Parts    []uint64 // CRC-64/NVME of each part; none for an empty input
}

// Digester holds the running state of one read. SHA-256 and the checksums advance
// together; SM3 is several times slower and is fed on its own.
type Digester struct {
	sha   stdhash.Hash
	sm3   stdhash.Hash
	crc   uint64
	part  uint64
	fill  int64 // bytes in the current part
	size  int64
	parts []uint64

	torn  atomic.Bool // the destination failed: it has not what the digests have
	ended bool        // the sum was taken
}

// New returns digests that have seen nothing yet.
func New(withSM3 bool) *Digester {
	d := &Digester{sha: sha256.New()}
	if withSM3 {
		d.sm3 = sm3.New()
	}
	return d
}

// write feeds all but SM3.
func (h *Digester) write(p []byte) {
	_, _ = h.sha.Write(p)
	h.crc = crc64nvme.Update(h.crc, p)
	h.size += int64(len(p))
	for len(p) > 0 {
		n := min(int64(len(p)), PartSize-h.fill)
		h.part = crc64nvme.Update(h.part, p[:n])
		h.fill += n
		p = p[n:]
		if h.fill == PartSize {
			h.endPart()
		}
	}
}

func (h *Digester) writeSM3(p []byte) {
	if h.sm3 != nil {
		_, _ = h.sm3.Write(p)
	}
}

func (h *Digester) endPart() {
	h.parts = append(h.parts, h.part)
	h.part, h.fill = 0, 0
}

func (h *Digester) sum() Sum {
	h.ended = true
	if h.fill > 0 {
		h.endPart()
	}
	s := Sum{Size: h.size, CRC64: h.crc, PartSize: PartSize, Parts: h.parts}
	h.sha.Sum(s.SHA256[:0])
	if h.sm3 != nil {
		s.SM3 = hex.EncodeToString(h.sm3.Sum(nil))
	}
	return s
}

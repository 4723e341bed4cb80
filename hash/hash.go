// Package hash reads bytes once and computes every digest the project needs
// from the same buffers: SHA-256 (FIPS 180-4) for the proof, CRC-64/NVME of
// each part and of the whole for stores that check uploads, and SM3
// (GB/T 32905-2016) where it is asked for.
package hash

import (
	"crypto/sha256"
	"encoding/hex"
	stdhash "hash"

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

// digests holds the running state. SHA-256 and the checksums advance together;
// SM3 is several times slower and is fed on its own.
type digests struct {
	sha   stdhash.Hash
	sm3   stdhash.Hash
	crc   uint64
	part  uint64
	fill  int64 // bytes in the current part
	size  int64
	parts []uint64
}

func newDigests(withSM3 bool) *digests {
	d := &digests{sha: sha256.New()}
	if withSM3 {
		d.sm3 = sm3.New()
	}
	return d
}

// write feeds all but SM3.
func (d *digests) write(p []byte) {
	_, _ = d.sha.Write(p)
	d.crc = crc64nvme.Update(d.crc, p)
	d.size += int64(len(p))
	for len(p) > 0 {
		n := min(int64(len(p)), PartSize-d.fill)
		d.part = crc64nvme.Update(d.part, p[:n])
		d.fill += n
		p = p[n:]
		if d.fill == PartSize {
			d.endPart()
		}
	}
}

func (d *digests) writeSM3(p []byte) {
	if d.sm3 != nil {
		_, _ = d.sm3.Write(p)
	}
}

func (d *digests) endPart() {
	d.parts = append(d.parts, d.part)
	d.part, d.fill = 0, 0
}

func (d *digests) sum() Sum {
	if d.fill > 0 {
		d.endPart()
	}
	s := Sum{Size: d.size, CRC64: d.crc, PartSize: PartSize, Parts: d.parts}
	d.sha.Sum(s.SHA256[:0])
	if d.sm3 != nil {
		s.SM3 = hex.EncodeToString(d.sm3.Sum(nil))
	}
	return s
}

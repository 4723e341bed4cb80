package hash

import (
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	stdhash "hash"
	"slices"

	"github.com/emmansun/gmsm/sm3"
)

// ErrState is wrapped when a saved State cannot be taken up: the read begins anew.
var ErrState = errors.New("the saved state of the digests is not readable here")

// State is how far a read came: what the digests of its first Size bytes need to
// go on behind them. SHA256 and SM3 are what the two implementations marshal.
type State struct {
	Size     int64    `json:"size"` // bytes
	SHA256   []byte   `json:"sha256"`
	SM3      []byte   `json:"sm3,omitempty"` // nil when it was not asked for
	CRC64    uint64   `json:"crc64"`
	PartSize int64    `json:"part_size"`
	Part     uint64   `json:"part"` // of the part under way
	Parts    []uint64 `json:"parts,omitempty"`
}

// State tells how far a Copy came that failed or was stopped: digests and
// written bytes agree on it. It is false when the destination failed, since then
// they do not, and after a Copy that came to its end.
func (h *Digester) State() (State, bool) {
	if h.torn.Load() || h.ended {
		return State{}, false
	}
	s := State{Size: h.size, CRC64: h.crc, PartSize: PartSize, Part: h.part, Parts: slices.Clone(h.parts)}
	var err error
	if s.SHA256, err = freeze(h.sha); err != nil {
		return State{}, false
	}
	if h.sm3 != nil {
		if s.SM3, err = freeze(h.sm3); err != nil {
			return State{}, false
		}
	}
	return s, true
}

// Resume returns digests that have seen the first s.Size bytes already.
func Resume(s State) (*Digester, error) {
	if s.PartSize != PartSize || s.Size < 0 || int64(len(s.Parts)) != s.Size/PartSize {
		return nil, fmt.Errorf("%w: its parts do not fit %d bytes", ErrState, s.Size)
	}
	h := &Digester{
		sha: sha256.New(), crc: s.CRC64, part: s.Part,
		fill: s.Size % PartSize, size: s.Size, parts: slices.Clone(s.Parts),
	}
	if err := thaw(h.sha, s.SHA256); err != nil {
		return nil, err
	}
	if s.SM3 != nil {
		h.sm3 = sm3.New()
		if err := thaw(h.sm3, s.SM3); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func freeze(h stdhash.Hash) ([]byte, error) {
	m, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		return nil, ErrState
	}
	return m.MarshalBinary()
}

func thaw(h stdhash.Hash, state []byte) error {
	u, ok := h.(encoding.BinaryUnmarshaler)
	if !ok {
		return ErrState
	}
	if err := u.UnmarshalBinary(state); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

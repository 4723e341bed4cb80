package ptp

import "encoding/binary"

// The types of a container (ISO 15740, D.7.1.1).
const (
	typeCommand  = 1
	typeData     = 2
	typeResponse = 3
)

const (
	headerSize = 12
	maxParams  = 5

	// endless in place of a length says that the data end with a packet that is
	// not full: they are 4 GiB or more.
	endless = 0xFFFFFFFF
)

// header stands before every container.
type header struct {
	length      uint32 // bytes, the header included
	kind, code  uint16
	transaction uint32
}

func parseHeader(b []byte) (header, error) {
	if len(b) < headerSize {
		return header{}, faultf("a container of %d bytes", len(b))
	}
	h := header{
		length:      binary.LittleEndian.Uint32(b),
		kind:        binary.LittleEndian.Uint16(b[4:]),
		code:        binary.LittleEndian.Uint16(b[6:]),
		transaction: binary.LittleEndian.Uint32(b[8:]),
	}
	if h.length < headerSize {
		return header{}, faultf("a container that is %d bytes long, as it says", h.length)
	}
	if h.kind != typeData && h.kind != typeResponse {
		return header{}, faultf("a container of type %d", h.kind)
	}
	if h.kind == typeResponse && (h.length > headerSize+4*maxParams || h.length%4 != 0) {
		return header{}, faultf("a response that is %d bytes long", h.length)
	}
	return h, nil
}

// command encodes a question.
func command(op operation, transaction uint32, params []uint32) []byte {
	b := make([]byte, 0, headerSize+4*maxParams)
	b = binary.LittleEndian.AppendUint32(b, uint32(headerSize+4*len(params)))
	b = binary.LittleEndian.AppendUint16(b, typeCommand)
	b = binary.LittleEndian.AppendUint16(b, uint16(op))
	b = binary.LittleEndian.AppendUint32(b, transaction)
	for _, p := range params {
		b = binary.LittleEndian.AppendUint32(b, p)
	}
	return b
}

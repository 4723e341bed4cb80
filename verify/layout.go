package verify

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// A zip says everything twice: before each file, for who reads it as it comes, and
// in the list at its end, for who looks a file up. Where the two differ two programs
// unpack two packages, and only one of them was verified.

const (
	localHeader   = 30 // bytes, without name and extra field (APPNOTE 4.3.7)
	centralHeader = 46 // likewise (APPNOTE 4.3.12)
	descriptor64  = 24 // the longest data descriptor (APPNOTE 4.3.9)

	followed  = 0x8        // flag: sizes and sum stand behind the file (APPNOTE 4.4.4)
	elsewhere = 0xffffffff // the size is in the extra field (APPNOTE 4.4.9)
	wideNeeds = 45         // version that sizes of 64 bits need (APPNOTE 4.4.3)
)

// listed is a file as the list has it, with its header there.
type listed struct {
	*zip.File
	header []byte
	at     int64 // where its bytes begin
}

// laidOut reports whether the files stand one behind the other from the beginning up
// to the list, with nothing between them, and say there what the list says.
func laidOut(f io.ReaderAt, files []*zip.File, headers [][]byte, list int64) error {
	all := make([]listed, len(files))
	for i, file := range files {
		at, err := file.DataOffset()
		if err != nil {
			return &MismatchError{Cause: fmt.Sprintf("it is no whole zip: %q: %v", file.Name, err)}
		}
		all[i] = listed{file, headers[i], at}
	}
	slices.SortFunc(all, func(a, b listed) int { return cmp.Compare(a.at, b.at) })
	at := int64(0)
	for _, l := range all {
		end, ok := l.stands(f, at, list)
		if !ok {
			return &MismatchError{Cause: fmt.Sprintf("the zip says two things of %q, or hides something before it: unpack it, and check the folder", l.Name)}
		}
		at = end
	}
	if at != list {
		return &MismatchError{Cause: "it is no whole zip: something stands between its files and its list"}
	}
	return nil
}

// stands compares what stands from at on with the list, and returns where the file
// ends with all that follows it.
func (l listed) stands(f io.ReaderAt, at, list int64) (end int64, ok bool) {
	long := l.at - at
	if long < localHeader || long > localHeader+2*(1<<16) || l.at > list || l.CompressedSize64 > uint64(list-l.at) {
		return 0, false
	}
	head := make([]byte, long)
	if _, err := f.ReadAt(head, at); err != nil || !l.agrees(head) {
		return 0, false
	}
	end = l.at + int64(l.CompressedSize64)
	if l.Flags&followed == 0 {
		return end, true
	}
	tail := make([]byte, min(descriptor64, list-end))
	if _, err := f.ReadAt(tail, end); err != nil {
		return 0, false
	}
	n := l.described(tail)
	return end + n, n > 0
}

// agrees compares the header before the file with that in the list. Extra fields may
// differ, and do.
func (l listed) agrees(head []byte) bool {
	le := binary.LittleEndian
	name, extra := int(le.Uint16(head[26:])), int(le.Uint16(head[28:]))
	if le.Uint32(head) != 0x04034b50 || localHeader+name+extra != len(head) || string(head[localHeader:][:name]) != l.Name {
		return false
	}
	// A program that did not know the size beforehand corrects the version in the list.
	if !bytes.Equal(head[4:6], l.header[6:8]) && le.Uint16(l.header[6:]) != wideNeeds {
		return false
	}
	if !bytes.Equal(head[6:14], l.header[8:16]) { // flags, method, time and date
		return false
	}
	unknown := l.Flags&followed != 0 && bytes.Equal(head[14:26], make([]byte, 12))
	for i := 14; i < 26 && !unknown; i += 4 { // sum and sizes
		here := le.Uint32(head[i:])
		if here != le.Uint32(l.header[i+2:]) && (i == 14 || here != elsewhere) {
			return false
		}
	}
	return true
}

// described is the length of the data descriptor that tail begins with, 0 where it is
// none or says other things than the list. It may have a signature or not, and sizes
// of 32 or 64 bits.
func (l listed) described(tail []byte) int64 {
	le := binary.LittleEndian
	sum := le.AppendUint32(nil, l.CRC32)
	narrow := le.AppendUint32(le.AppendUint32(bytes.Clone(sum), uint32(l.CompressedSize64)), uint32(l.UncompressedSize64))
	wide := le.AppendUint64(le.AppendUint64(bytes.Clone(sum), l.CompressedSize64), l.UncompressedSize64)
	for _, sizes := range [][]byte{wide, narrow} {
		if len(sizes) == len(narrow) && max(l.CompressedSize64, l.UncompressedSize64) >= elsewhere {
			continue
		}
		for _, want := range [][]byte{append([]byte("PK\x07\x08"), sizes...), sizes} {
			if bytes.HasPrefix(tail, want) {
				return int64(len(want))
			}
		}
	}
	return 0
}

package ptp

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"time"
)

// object is one file of the listing.
type object struct {
	path   string
	handle uint32
	epoch  int // in which the handle is valid
	info   ObjectInfo
}

// errSize says that a device does not tell how large an object of 4 GiB or more
// is. Without that nobody could say that a read was whole.
var errSize = errors.New("the camera does not tell the size of a file of 4 GiB or more")

// describe asks for the info of an object, its size in 64 bits included.
func (s *Session) describe(ctx context.Context, handle uint32, epoch int) (ObjectInfo, error) {
	a, _, err := s.askIn(ctx, question{op: opObjectInfo, params: []uint32{handle}, limit: maxDataset}, epoch)
	if err != nil {
		return ObjectInfo{}, err
	}
	info, err := parseObjectInfo(a.data)
	if err != nil {
		return info, err
	}
	if info.Format == formatFolder {
		return info, nil
	}
	size, told, err := s.size64(ctx, handle, epoch)
	switch {
	case err != nil:
		return info, err
	case told:
		size = trueSize(info.size32, size)
	case info.size32 == endless:
		return info, errSize
	default:
		size = uint64(info.size32)
	}
	if size > math.MaxInt64 {
		return info, faultf("a file of %d bytes", size)
	}
	info.Size = int64(size)
	return info, nil
}

// size64 asks for the size in 64 bits. It is asked for every object: some
// devices give the low half of it in the ObjectInfo of a large one.
func (s *Session) size64(ctx context.Context, handle uint32, epoch int) (size uint64, told bool, err error) {
	s.mu.Lock()
	never := s.noProp
	s.mu.Unlock()
	if never {
		return 0, false, nil
	}
	var response responseError
	if s.info.offers(opPropValue) {
		a, _, err := s.askIn(ctx, question{op: opPropValue, params: []uint32{handle, propSize}, limit: maxDataset}, epoch)
		if err == nil {
			if size, err = parseSize(a.data); err == nil {
				return size, true, nil
			}
		} else if !errors.As(err, &response) {
			return 0, false, err
		}
	}
	if s.info.offers(opPropList) && response != respBadHandle {
		// Object, any format, one property, no group, no depth.
		q := question{op: opPropList, params: []uint32{handle, 0, propSize, 0, 0}, limit: maxDataset}
		a, _, err := s.askIn(ctx, q, epoch)
		if err == nil {
			if size, told, err = parseSizeList(a.data, handle); err == nil && told {
				return size, true, nil
			}
		} else if !errors.As(err, &response) {
			return 0, false, err
		}
	}
	if response == respBadHandle {
		return 0, false, response
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noProp = response == respUnsupported || response == 0 && !s.info.offers(opPropValue) && !s.info.offers(opPropList)
	return 0, false, nil
}

// fileInfo is an object as os.FileInfo. Sys is its ObjectInfo.
type fileInfo struct{ o object }

func (f fileInfo) Name() string       { return path.Base(f.o.path) }
func (f fileInfo) Size() int64        { return f.o.info.Size }
func (f fileInfo) Mode() fs.FileMode  { return 0o444 }
func (f fileInfo) ModTime() time.Time { return f.o.info.modTime() }
func (f fileInfo) IsDir() bool        { return false }
func (f fileInfo) Sys() any           { return f.o.info }

var _ os.FileInfo = fileInfo{}

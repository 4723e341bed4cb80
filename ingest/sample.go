package ingest

import (
	"crypto/sha256"
	"errors"
	stdhash "hash"
	"io"
	"sync"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/hash"
)

// sampleSize is how much is looked at of a file's beginning, middle and end.
const sampleSize = 64 << 10

// samplesOf is where the samples of so many bytes begin.
func samplesOf(size int64) [3]int64 {
	return [3]int64{0, max(0, size/2-sampleSize/2), max(0, size-sampleSize)}
}

// disjoint reports whether no byte is in two samples.
func disjoint(size int64) bool { return size >= 3*sampleSize }

// sampleBuffers are lent to sample, one for each file that is looked at.
var sampleBuffers = sync.Pool{New: func() any { return new([3 * sampleSize]byte) }}

// sample reads the samples of a file of so many bytes, of which none is in two, and
// nothing else of it, and hashes them together.
func sample(in io.ReaderAt, size int64) (clip.Digest, error) {
	buf := sampleBuffers.Get().(*[3 * sampleSize]byte)
	for i, off := range samplesOf(size) {
		part := buf[i*sampleSize : (i+1)*sampleSize]
		if got, err := in.ReadAt(part, off); got < len(part) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return clip.Digest{}, &hash.ReadError{Err: err} // the buffer may be a hung read's
		}
	}
	defer sampleBuffers.Put(buf)
	return sha256.Sum256(buf[:]), nil
}

// sampleWhole is the digest of all of a file where samples would overlap. One that
// has grown since too much for that has none of a file that was read.
func sampleWhole(tree device.Tree, path string, size int64) (clip.Digest, error) {
	buf := sampleBuffers.Get().(*[3 * sampleSize]byte)
	l, err := device.Load(tree, path, buf[:])
	grown := err == nil && l.After == nil
	if err == nil && !grown && int64(l.N) < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return clip.Digest{}, &hash.ReadError{Err: err} // the buffer may be a hung read's
	}
	defer sampleBuffers.Put(buf)
	if grown {
		return clip.Digest{}, nil
	}
	return sha256.Sum256(buf[:size]), nil
}

// sampler takes the samples of a file of disjoint ones out of its bytes as they
// pass by, in order. Of a smaller file the clip's own digest is all there is.
type sampler struct {
	size, off int64
	samples   stdhash.Hash
}

// newSampler is nil for a file that needs none.
func newSampler(size int64) *sampler {
	if !disjoint(size) {
		return nil
	}
	return &sampler{size: size, samples: sha256.New()}
}

func (s *sampler) Write(p []byte) (int, error) {
	end := s.off + int64(len(p))
	for _, at := range samplesOf(s.size) {
		from, to := max(at, s.off), min(at+sampleSize, end)
		if from < to {
			_, _ = s.samples.Write(p[from-s.off : to-s.off])
		}
	}
	s.off = end
	return len(p), nil
}

// skip takes what an earlier read brought, from where that was kept.
func (s *sampler) skip(kept io.ReaderAt, size int64) error {
	for _, at := range samplesOf(s.size) {
		if _, err := io.Copy(s.samples, io.NewSectionReader(kept, at, max(0, min(sampleSize, size-at)))); err != nil {
			return err
		}
	}
	s.off = size
	return nil
}

// sum is the digest of the samples of a file whose own is whole.
func (s *sampler) sum(whole clip.Digest) clip.Digest {
	if s == nil {
		return whole
	}
	return clip.Digest(s.samples.Sum(nil))
}

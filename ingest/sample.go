package ingest

import (
	"crypto/sha256"
	"errors"
	stdhash "hash"
	"io"
	"sync"

	"github.com/custodock/custodock/clip"
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

// wholeOf is the SHA-256 of a file of so many bytes where its samples are all of
// it, so that a second look need hash each byte once only; zero for a larger one.
func wholeOf(sum clip.Digest, size int64) clip.Digest {
	if disjoint(size) {
		return clip.Digest{}
	}
	return sum
}

// sampleOf hashes the first, middle and last 64 KiB of data together.
func sampleOf(data []byte) clip.Digest {
	h := sha256.New()
	for _, at := range samplesOf(int64(len(data))) {
		_, _ = h.Write(data[at:min(at+sampleSize, int64(len(data)))])
	}
	return clip.Digest(h.Sum(nil))
}

// sampleBuffers are lent to sample, one for each file that is looked at.
var sampleBuffers = sync.Pool{New: func() any { return new([3 * sampleSize]byte) }}

// sample reads the samples of a file of so many bytes, and nothing else of it.
func sample(in io.ReaderAt, size int64) (clip.Digest, error) {
	return sampled(in, size, sampleOf)
}

// sampled gives what of makes of the samples of a file of so many bytes, which
// it is handed one after the other, or all of the file where they overlap.
func sampled(in io.ReaderAt, size int64, of func([]byte) clip.Digest) (clip.Digest, error) {
	buf := sampleBuffers.Get().(*[3 * sampleSize]byte)
	n := buf[:min(size, 3*sampleSize)]
	at := []int64{0}
	if disjoint(size) {
		list := samplesOf(size)
		at = list[:]
	}
	each := len(n) / len(at)
	for i, off := range at {
		part := n[i*each : (i+1)*each]
		if len(part) == 0 {
			continue
		}
		if got, err := in.ReadAt(part, off); got < len(part) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return clip.Digest{}, &hash.ReadError{Err: err} // the buffer may be a hung read's
		}
	}
	defer sampleBuffers.Put(buf)
	return of(n), nil
}

// sampler takes the samples of a file out of its bytes as they pass by. What it
// is given is the file in order, and a small file in one piece.
type sampler struct {
	size, off int64
	samples   stdhash.Hash // of a large file
	small     clip.Digest  // of a small one
}

func newSampler(size int64) *sampler {
	s := &sampler{size: size}
	if disjoint(size) {
		s.samples = sha256.New()
	} else {
		s.small = sampleOf(nil)
	}
	return s
}

func (s *sampler) Write(p []byte) (int, error) {
	if s.samples == nil {
		s.small = sampleOf(p)
		return len(p), nil
	}
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

func (s *sampler) sum() clip.Digest {
	if s.samples == nil {
		return s.small
	}
	return clip.Digest(s.samples.Sum(nil))
}

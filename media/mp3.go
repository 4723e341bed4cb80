package media

import (
	"bytes"
	"errors"

	"github.com/custodock/custodock/clip"
)

// Frame headers are ISO/IEC 11172-3 and 13818-3, layer III. The Xing and VBRI
// headers, which count the frames of a file, are conventions of encoders.

// maxGap is how far behind the tag the first frame is looked for.
const maxGap = 64 << 10

var errNoFrame = errors.New("no MPEG audio frame where the sound should begin")

// mp3frame is one frame header, decoded.
type mp3frame struct {
	size      int64  // bytes, header included
	samples   uint64 // 1152, or 576 in MPEG 2 and 2.5
	rate      uint64 // samples a second
	bitRate   uint64 // bits a second
	sideInfo  int    // bytes between header and main data
	signature uint32 // what all frames of one stream have in common
}

var (
	bitRates1 = [16]uint64{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0}
	bitRates2 = [16]uint64{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}
	mp3Rates  = [4]uint64{44100, 48000, 32000, 0}
)

// readMP3Frame decodes a header; ok is false for anything but layer III with a
// bit rate.
func readMP3Frame(b []byte) (f mp3frame, ok bool) {
	if len(b) < 4 {
		return f, false
	}
	h := big.Uint32(b)
	version, layer := h>>19&3, h>>17&3
	if h>>21 != 0x7ff || version == 1 || layer != 1 {
		return f, false
	}
	mpeg1, mono := version == 3, h>>6&3 == 3
	f.rate, f.bitRate, f.samples = mp3Rates[h>>10&3], bitRates1[h>>12&15]*1000, 1152
	f.sideInfo = 32
	if mono {
		f.sideInfo = 17
	}
	if !mpeg1 {
		f.rate /= 2
		if version == 0 {
			f.rate /= 2
		}
		f.bitRate, f.samples = bitRates2[h>>12&15]*1000, 576
		f.sideInfo = 17
		if mono {
			f.sideInfo = 9
		}
	}
	if f.rate == 0 || f.bitRate == 0 {
		return f, false
	}
	f.size = int64(f.samples/8*f.bitRate/f.rate) + int64(h>>9&1)
	f.signature = h & 0xfffe0c00
	return f, true
}

// isMP3 asks for two frames in a row at the start: twelve bits alone are found
// in anything.
func isMP3(s *source) bool {
	f, err := frameAt(s, 0)
	if err != nil {
		return false
	}
	g, err := frameAt(s, f.size)
	return err == nil && f.signature == g.signature
}

func frameAt(s *source, off int64) (mp3frame, error) {
	b, err := s.upTo(off, 4)
	if err != nil {
		return mp3frame{}, err
	}
	f, ok := readMP3Frame(b)
	if !ok {
		return f, errNoFrame
	}
	return f, nil
}

// parseMP3 reads the tag, then the duration from the first frames.
func parseMP3(s *source, m *clip.Media) error {
	start, problem := parseID3(s, m)
	err := parseFrames(s, start, m)
	if problem != nil {
		return problem
	}
	return err
}

func parseFrames(s *source, start int64, m *clip.Media) error {
	off, f, err := firstFrame(s, start)
	if err != nil {
		return err
	}
	m.AudioCodec = "mp3"
	frames, err := counted(s, off, f)
	if err != nil {
		return err
	}
	if frames != 0 {
		return setDuration(m, frames*f.samples, f.rate)
	}
	return constant(s, off, f, m)
}

// firstFrame looks for two frames in a row; the last frame of a file stands
// alone.
func firstFrame(s *source, start int64) (int64, mp3frame, error) {
	b, err := s.upTo(start, maxGap)
	if err != nil {
		return 0, mp3frame{}, err
	}
	for i := 0; i+4 <= len(b); {
		n := bytes.IndexByte(b[i:], 0xff)
		if n < 0 {
			break
		}
		i += n
		if f, ok := readMP3Frame(b[i:]); ok {
			if err := s.next(); err != nil {
				return 0, f, err
			}
			off := start + int64(i)
			g, err := frameAt(s, off+f.size)
			if err == nil && f.signature == g.signature || off+f.size >= s.size {
				return off, f, nil
			}
			if err != nil && !errors.Is(err, errNoFrame) {
				return 0, f, err
			}
		}
		i++
	}
	return 0, mp3frame{}, errNoFrame
}

// counted returns the number of frames that a Xing, Info or VBRI header in the
// first frame tells; 0 when there is none.
func counted(s *source, off int64, f mp3frame) (uint64, error) {
	b, err := s.upTo(off+4, 60)
	if err != nil {
		return 0, err
	}
	if x := b[min(f.sideInfo, len(b)):]; len(x) >= 12 {
		if name := string(x[:4]); (name == "Xing" || name == "Info") && x[7]&1 != 0 {
			return uint64(big.Uint32(x[8:])), nil
		}
	}
	if len(b) >= 50 && string(b[32:36]) == "VBRI" {
		return uint64(big.Uint32(b[46:])), nil
	}
	return 0, nil
}

// constant computes the duration of a stream of one bit rate from its length;
// the first frames must agree on it.
func constant(s *source, off int64, f mp3frame, m *clip.Media) error {
	end := s.size
	if tail, err := s.upTo(s.size-128, 3); err != nil {
		return err
	} else if string(tail) == "TAG" { // ID3v1
		end -= 128
	}
	for at, n := off, 0; n < 32 && at < end; n++ {
		g, err := frameAt(s, at)
		if errors.Is(err, errNoFrame) {
			break
		}
		if err != nil {
			return err
		}
		if g.bitRate != f.bitRate {
			return errors.New("variable bit rate without a frame count: duration unknown")
		}
		at += g.size
	}
	return setDuration(m, uint64(max(end-off, 0))*8, f.bitRate)
}

package media

import (
	"errors"
	"strings"

	"github.com/custodock/custodock/clip"
)

// errUnclosed goes with a duration computed from the bytes that are there.
var errUnclosed = errors.New("the recording was not closed: its header gives no length")

// wave is what a WAVE file's duration is computed from.
type wave struct {
	tag        uint16
	rate       uint64 // samples a second
	byteRate   uint64 // bytes a second
	samples    uint64 // from fact, for compressed formats
	dataBytes  int64
	data64     int64 // from ds64, where RF64 keeps sizes
	has64      bool
	sampleSize uint64 // bytes of a sample in all channels
}

// parseWAV reads WAVE, Broadcast Wave (EBU Tech 3285), RF64 and BW64 (EBU Tech
// 3306, ITU-R BS.2088).
func parseWAV(s *source, m *clip.Media) error {
	body, closed, err := s.riffBody()
	if err != nil {
		return err
	}
	var w wave
	long := func(id string) (int64, bool) { return w.data64, id == "data" && w.has64 }
	err = s.chunks(body, long, func(c chunk) error {
		switch {
		case c.id == "data" && c.said == 0 && !closed:
			w.dataBytes = s.size - c.body.from
			return errUnclosed
		case c.id == "data":
			w.dataBytes = c.body.len()
			return nil
		case c.id == "bext":
			return parseBext(s, c.body, m)
		case c.form == "INFO":
			return parseInfo(s, c.body, m)
		}
		return w.parse(s, c)
	})
	if w.rate != 0 {
		m.AudioCodec = waveFormat(w.tag)
	}
	if problem := w.duration(m); err == nil {
		err = problem
	}
	return err
}

// parse reads the small chunks that describe the data.
func (w *wave) parse(s *source, c chunk) error {
	b, err := s.head(c.body, 26)
	if err != nil {
		return err
	}
	switch {
	case c.id == "fmt " && len(b) >= 16:
		w.tag = little.Uint16(b)
		w.rate = uint64(little.Uint32(b[4:]))
		w.byteRate = uint64(little.Uint32(b[8:]))
		w.sampleSize = uint64(little.Uint16(b[12:]))
		// WAVE_FORMAT_EXTENSIBLE: the real tag begins the sub-format GUID.
		if w.tag == 0xfffe && len(b) == 26 {
			w.tag = little.Uint16(b[24:])
		}
	case c.id == "fact" && len(b) >= 4:
		w.samples = uint64(little.Uint32(b))
	case c.id == "ds64" && len(b) >= 16:
		if n := little.Uint64(b[8:]); n < 1<<62 {
			w.data64, w.has64 = int64(n), true
		}
	}
	return nil
}

// duration prefers the counted samples of a compressed format: its byte rate
// is an average.
func (w *wave) duration(m *clip.Media) error {
	pcm := w.tag == 1 || w.tag == 3
	switch {
	case pcm && w.sampleSize != 0:
		return setDuration(m, uint64(w.dataBytes)/w.sampleSize, w.rate)
	case !pcm && w.samples != 0 && w.samples != 1<<32-1:
		return setDuration(m, w.samples, w.rate)
	}
	return setDuration(m, uint64(w.dataBytes), w.byteRate)
}

// parseBext reads the Broadcast Wave extension: description 256 bytes,
// originator 32, its reference 32, origination date 10 and time 8. Recorders
// write their model as originator; the time is the recorder's local time.
func parseBext(s *source, p span, m *clip.Media) error {
	b, err := s.head(p, 338)
	if err != nil || len(b) < 338 {
		return err
	}
	setOnce(&m.Model, text(b[256:288]))
	date, clock := text(b[320:330]), text(b[330:338])
	if strings.Trim(date, "0-_:. ") != "" {
		addTime(m, "bext", strings.TrimSpace(date+" "+clock), "")
	}
	return nil
}

package media

import (
	"github.com/custodock/custodock/clip"
)

// AVI is Microsoft's "AVI RIFF File Reference"; dmlh comes from the OpenDML
// AVI File Format Extensions 1.02.

// avi gathers what the duration is computed from.
type avi struct {
	frameUS     uint64 // microseconds a frame, from avih
	frames      uint64 // of the first RIFF chunk, from avih
	allFrames   uint64 // of the whole file, from dmlh
	video       avirate
	sound       avirate
	handlerKind string // of the strh before the next strf
}

// avirate is a stream's length in units of scale/rate seconds.
type avirate struct{ scale, rate, length uint64 }

// parseAVI reads the header list and the information lists. Media data is
// stepped over; further RIFF chunks of an OpenDML file hold nothing else.
func parseAVI(s *source, m *clip.Media) error {
	body, _, err := s.riffBody()
	if err != nil {
		return err
	}
	var a avi
	err = s.chunks(body, nil, func(c chunk) error {
		switch c.form {
		case "hdrl":
			return a.header(s, c.body, m)
		case "INFO":
			return parseInfo(s, c.body, m)
		}
		return nil
	})
	if problem := a.duration(m); err == nil {
		err = problem
	}
	return err
}

// header reads hdrl. IDIT stands there or within a stream's list, depending on
// the camera.
func (a *avi) header(s *source, p span, m *clip.Media) error {
	return s.chunks(p, nil, func(c chunk) error {
		switch c.form {
		case "strl", "odml":
			return s.chunks(c.body, nil, func(c chunk) error { return a.field(s, c, m) })
		}
		return a.field(s, c, m)
	})
}

func (a *avi) field(s *source, c chunk, m *clip.Media) error {
	switch c.id {
	case "avih", "strh", "strf", "dmlh", "IDIT":
	default:
		return nil
	}
	b, err := s.head(c.body, 64)
	if err != nil {
		return err
	}
	switch {
	case c.id == "IDIT":
		addTime(m, "IDIT", text(b), "")
	case c.id == "avih" && len(b) >= 40:
		a.frameUS, a.frames = uint64(little.Uint32(b)), uint64(little.Uint32(b[16:]))
		m.Width, m.Height = pixels(b[32:]), pixels(b[36:])
	case c.id == "dmlh" && len(b) >= 4:
		a.allFrames = uint64(little.Uint32(b))
	case c.id == "strh" && len(b) >= 36:
		a.stream(b)
	case c.id == "strf":
		a.format(b, m)
	}
	return nil
}

// stream reads strh of the first video and the first sound stream.
func (a *avi) stream(b []byte) {
	a.handlerKind = string(b[:4])
	r := avirate{uint64(little.Uint32(b[20:])), uint64(little.Uint32(b[24:])), uint64(little.Uint32(b[32:]))}
	switch {
	case a.handlerKind == "vids" && a.video == avirate{}:
		a.video = r
	case a.handlerKind == "auds" && a.sound == avirate{}:
		a.sound = r
	}
}

// format reads strf: a BITMAPINFOHEADER or a WAVEFORMATEX.
func (a *avi) format(b []byte, m *clip.Media) {
	switch {
	case a.handlerKind == "vids" && len(b) >= 20:
		codec := "raw"
		if little.Uint32(b[16:]) != 0 {
			codec = fourcc(b[16:20])
		}
		setOnce(&m.VideoCodec, codec)
	case a.handlerKind == "auds" && len(b) >= 2:
		setOnce(&m.AudioCodec, waveFormat(little.Uint16(b)))
	}
}

// duration takes the video stream's own rate, with the frame count of the
// whole file when there is one, then the main header, then the sound.
func (a *avi) duration(m *clip.Media) error {
	v := a.video
	if length := max(v.length, a.allFrames); length != 0 && v.rate != 0 && v.scale != 0 {
		return setDuration(m, length*v.scale, v.rate)
	}
	if frames := max(a.frames, a.allFrames); frames != 0 && a.frameUS != 0 {
		return setDuration(m, frames*a.frameUS, 1e6)
	}
	return setDuration(m, a.sound.length*a.sound.scale, a.sound.rate)
}

// pixels reads a length; beyond 65535 it is none.
func pixels(b []byte) int {
	if n := little.Uint32(b); n < 1<<16 {
		return int(n)
	}
	return 0
}

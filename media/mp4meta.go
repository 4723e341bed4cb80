package media

import (
	"math"

	"github.com/custodock/custodock/clip"
)

// maxText is how much of a text field is read.
const maxText = 256

// field is where one kind of fact goes. The keys of both maps below lead here.
type field func(m *clip.Media, value string)

func toTime(name string) field {
	return func(m *clip.Media, v string) { addTime(m, name, v, statedZone(v)) }
}

var (
	toPlace field = setISO6709
	toMake  field = func(m *clip.Media, v string) { setOnce(&m.Make, v) }
	toModel field = func(m *clip.Media, v string) { setOnce(&m.Model, v) }
)

// userData is what QuickTime's udta and iTunes' ilst name by type.
var userData = map[string]field{
	"\xa9day": toTime("©day"),
	"\xa9xyz": toPlace,
	"\xa9mak": toMake,
	"\xa9mod": toModel,
}

// metaKeys is what a QuickTime metadata key says.
var metaKeys = map[string]field{
	"com.apple.quicktime.creationdate":     toTime("creationdate"),
	"com.apple.quicktime.location.ISO6709": toPlace,
	"com.apple.quicktime.make":             toMake,
	"com.apple.quicktime.model":            toModel,
	"com.android.manufacturer":             toMake,
	"com.android.model":                    toModel,
}

// parseUdta reads QuickTime strings (length, language, text), the 3GPP
// location and a nested meta box.
func parseUdta(s *source, p span, m *clip.Media) error {
	return s.boxes(p, func(b box) error {
		if set, ok := userData[b.kind]; ok {
			v, err := s.head(b.body, 4+maxText)
			if err != nil || len(v) < 4 {
				return err
			}
			n := min(int(big.Uint16(v)), len(v)-4)
			if t := text(v[4 : 4+n]); t != "" {
				set(m, t)
			}
			return nil
		}
		switch b.kind {
		case "loci":
			return parseLoci(s, b.body, m)
		case "meta":
			return parseMeta(s, b.body, m)
		}
		return nil
	})
}

// parseLoci reads 3GPP TS 26.244's location: version, language, a name ended
// by NUL, a role, then longitude and latitude as 16.16 fixed-point degrees.
func parseLoci(s *source, p span, m *clip.Media) error {
	b, err := s.head(p, maxText)
	if err != nil || len(b) < 6 {
		return err
	}
	for i, c := range b[6:] {
		if c != 0 {
			continue
		}
		if at := b[6+i+1:]; len(at) >= 9 {
			setPlace(m, fixed(at[5:]), fixed(at[1:]))
		}
		break
	}
	return nil
}

// fixed is 16.16 fixed point, rounded to the fifth digit: the format's step is
// 1.5e-5.
func fixed(b []byte) float64 {
	return math.Round(float64(int32(big.Uint32(b)))/65536*1e5) / 1e5
}

// parseMeta reads keys and ilst. ISO's meta box has a version before its
// boxes, QuickTime's has none.
func parseMeta(s *source, p span, m *clip.Media) error {
	h, err := s.head(p, 8)
	if err != nil {
		return err
	}
	if len(h) == 8 && string(h[4:8]) != "hdlr" {
		p.from += 4
	}
	var keys []field
	return s.boxes(p, func(b box) (err error) {
		switch b.kind {
		case "keys":
			keys, err = parseKeys(s, b.body)
			return err
		case "ilst":
			return parseIlst(s, b.body, m, keys)
		}
		return nil
	})
}

// parseKeys returns what each key of the list leads to, nil for unknown ones.
func parseKeys(s *source, p span) ([]field, error) {
	p.from += 8 // version, count: the box's end says more than the count
	var keys []field
	err := s.boxes(p, func(b box) error {
		name, err := s.head(b.body, maxText)
		if b.kind != "mdta" {
			name = nil
		}
		keys = append(keys, metaKeys[string(name)])
		return err
	})
	return keys, err
}

// parseIlst reads the values. An item's type is iTunes' name or the index of
// a key, from 1; its value stands in a data box behind type and locale.
func parseIlst(s *source, p span, m *clip.Media, keys []field) error {
	return s.boxes(p, func(item box) error {
		set := userData[item.kind]
		if i := big.Uint32([]byte(item.kind)); i >= 1 && int64(i) <= int64(len(keys)) {
			set = keys[i-1]
		}
		if set == nil {
			return nil
		}
		return s.boxes(item.body, func(b box) error {
			if b.kind != "data" {
				return nil
			}
			v, err := s.head(b.body, 8+maxText)
			if err != nil || len(v) < 8 {
				return err
			}
			if t := text(v[8:]); t != "" {
				set(m, t)
			}
			return nil
		})
	})
}

package media

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/bep/imagemeta"

	"github.com/custodock/custodock/clip"
)

// parseEXIF reads one APP1 segment, marker and length included (CIPA DC-008).
//
// The decoder gets the segment as a JPEG of its own, 64 KiB at most, and no
// more than 2000 values of 256 bytes: that bounds its time. Its Timeout would
// not: it leaves the decoder running on a buffer that it gives to the next
// caller.
func parseEXIF(segment []byte, m *clip.Media) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("exif: the decoder gave up: %.100v", p)
		}
	}()
	tags := exifTags{}
	_, err = imagemeta.Decode(imagemeta.Options{
		R:            bytes.NewReader(append([]byte("\xff\xd8"), segment...)),
		ImageFormat:  imagemeta.JPEG,
		Sources:      imagemeta.EXIF,
		LimitNumTags: 2000,
		LimitTagSize: 256,
		// Tags of other directories share numbers, and so names, with ours.
		ShouldHandleTag: func(t imagemeta.TagInfo) bool { return exifWanted[t.Namespace+"/"+t.Tag] },
		HandleTag: func(t imagemeta.TagInfo) error {
			if _, ok := tags[t.Tag]; !ok {
				tags[t.Tag] = t.Value
			}
			return nil
		},
	})
	tags.say(m)
	if err == nil {
		err = checkTIFF(segment[10:])
	}
	if err != nil {
		return fmt.Errorf("exif: %w", err)
	}
	return nil
}

var exifWanted = map[string]bool{
	"IFD0/Make":                        true,
	"IFD0/Model":                       true,
	"IFD0/ExifIFDP/DateTimeOriginal":   true,
	"IFD0/ExifIFDP/OffsetTimeOriginal": true,
	"IFD0/ExifIFDP/SerialNumber":       true,
	"IFD0/GPSInfoIFD/GPSLatitude":      true,
	"IFD0/GPSInfoIFD/GPSLatitudeRef":   true,
	"IFD0/GPSInfoIFD/GPSLongitude":     true,
	"IFD0/GPSInfoIFD/GPSLongitudeRef":  true,
	"IFD0/GPSInfoIFD/GPSStatus":        true,
	"IFD0/GPSInfoIFD/GPSDateStamp":     true,
	"IFD0/GPSInfoIFD/GPSTimeStamp":     true,
}

// exifTags is values by name; their types are whatever the file claims.
type exifTags map[string]any

func (t exifTags) str(name string) string {
	v, _ := t[name].(string)
	return text([]byte(v))
}

// degrees applies the hemisphere to a coordinate the decoder has added up. The
// decoder turns one it cannot read into 0, so exactly 0 counts as not said.
func (t exifTags) degrees(name, plus, minus string) (float64, bool) {
	v, ok := t[name].(float64)
	switch ref := t.str(name + "Ref"); {
	case !ok || v <= 0:
		return 0, false
	case strings.EqualFold(ref, plus):
		return v, true
	case strings.EqualFold(ref, minus):
		return -v, true
	}
	return 0, false
}

var exifZone = regexp.MustCompile(`^[+-](?:0\d|1[0-4]):[0-5]\d$`)

// say reports the facts. A date of zeros or blanks is how EXIF says unknown; a
// GPS status V says that the receiver had no fix, so neither place nor time
// are its own.
func (t exifTags) say(m *clip.Media) {
	setOnce(&m.Make, t.str("Make"))
	setOnce(&m.Model, t.str("Model"))
	setOnce(&m.Serial, t.str("SerialNumber"))
	if raw := t.str("DateTimeOriginal"); strings.Trim(raw, "0:- ") != "" {
		zone := t.str("OffsetTimeOriginal")
		if !exifZone.MatchString(zone) {
			zone = ""
		}
		addTime(m, "DateTimeOriginal", raw, zone)
	}
	if t.str("GPSStatus") == "V" {
		return
	}
	lat, ok := t.degrees("GPSLatitude", "N", "S")
	lon, ok2 := t.degrees("GPSLongitude", "E", "W")
	if ok && ok2 {
		setPlace(m, lat, lon)
	}
	date, clock := t.str("GPSDateStamp"), t.str("GPSTimeStamp")
	if strings.Trim(date, "0:- ") != "" && clock != "" {
		addTime(m, "GPS", date+" "+clock, "+00:00")
	}
}

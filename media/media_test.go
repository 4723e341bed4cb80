package media

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/clip"
)

const (
	sample = "../configs/sample/"
	real   = "testdata/real/"
)

func load(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func probe(b []byte) clip.Media { return Probe(bytes.NewReader(b), int64(len(b))) }

func at(lat, lon float64) *clip.Place { return &clip.Place{Lat: &lat, Lon: &lon} }

// said is one time as Probe reports it; a zone is always a stated one.
func said(field, raw, zone string) clip.Time {
	t := clip.Time{Source: clip.ByMedia, Field: field, Raw: raw, Zone: zone}
	if zone != "" {
		t.ZoneSource = "stated"
	}
	return t
}

// facts is what ffprobe 5.1 and exiftool 12.57 say of the real files: format,
// codec tags, pixels, duration rounded to a millisecond, times, place.
var facts = map[string]clip.Media{
	sample + "a11/DCIM/A11_2222222_100234_20260902180118_0001.mp4": {
		Container: "mp4", VideoCodec: "avc1", AudioCodec: "mp4a", Width: 320, Height: 180, DurationMS: 3000,
		Times: []clip.Time{said("mvhd", "2026-09-02T18:01:18Z", "")},
	},
	sample + "a11/DCIM/A11_2222222_100234_20260902180240_0002.mp4": {
		Container: "mp4", VideoCodec: "avc1", AudioCodec: "mp4a", Width: 320, Height: 180, DurationMS: 2000,
		Times: []clip.Time{said("mvhd", "2026-09-02T18:02:40Z", "")},
		Place: at(31.23039, 121.47369),
	},
	sample + "a11/DCIM/A11_2222222_100234_20260902180255_0003.jpg": {
		Container: "jpeg", Width: 320, Height: 180, Make: "AMBA", Model: "A11", Serial: "2222222",
		Times: []clip.Time{said("DateTimeOriginal", "2026:09:02 18:02:55", "")},
	},
	sample + "gopro/DCIM/100GOPRO/GX010042.MP4": {
		Container: "mp4", VideoCodec: "hvc1", AudioCodec: "mp4a", Width: 320, Height: 180, DurationMS: 3000,
		Times: []clip.Time{said("mvhd", "2026-09-02T18:03:00Z", "")},
	},
	sample + "gopro/DCIM/100GOPRO/GX020042.MP4": {
		Container: "mp4", VideoCodec: "hvc1", AudioCodec: "mp4a", Width: 320, Height: 180, DurationMS: 2000,
		Times: []clip.Time{said("mvhd", "2026-09-02T18:03:00Z", "")},
	},
	sample + "gopro/DCIM/100GOPRO/GL010042.LRV": {
		Container: "mp4", VideoCodec: "avc1", AudioCodec: "mp4a", Width: 160, Height: 90, DurationMS: 3000,
		Times: []clip.Time{said("mvhd", "2026-09-02T18:03:00Z", "")},
	},
	sample + "gopro/DCIM/100GOPRO/GX010042.THM": {Container: "jpeg", Width: 160, Height: 120},
	sample + "novatek/DCIM/MOVIE/2026_0902_180410_001.MOV": {
		Container: "mov", VideoCodec: "avc1", AudioCodec: "sowt", Width: 320, Height: 180, DurationMS: 2000,
		Make: "NOVATEK", Model: "NTK96550",
		Times: []clip.Time{
			said("mvhd", "2026-09-02T18:04:10Z", ""),
			said("©day", "2026-09-02T18:04:10+0800", "+08:00"),
		},
	},
	sample + "canon/DCIM/100CANON/IMG_0006.JPG": {
		Container: "jpeg", Width: 480, Height: 320,
		Make: "Canon", Model: "Canon PowerShot SX740 HS", Serial: "563051000042",
		Times: []clip.Time{
			said("DateTimeOriginal", "2026:09:02 18:05:07", "+08:00"),
			said("GPS", "2026:09:02 10:05:03", "+00:00"),
		},
		Place: at(39.90875, 116.39745),
	},
	sample + "canon/DCIM/100CANON/MVI_0007.AVI": {
		Container: "avi", VideoCodec: "MJPG", AudioCodec: "pcm", Width: 160, Height: 120, DurationMS: 2000,
		Times: []clip.Time{said("IDIT", "WED SEP 02 18:06:00 2026", ""), said("ICRD", "2026-09-02", "")},
	},
	sample + "canon/DCIM/100CANON/MVI_0007.THM": {Container: "jpeg", Width: 160, Height: 120},
	sample + "dji/DCIM/DJI_001/DJI_20260902180510_0001_D.MP4": {
		Container: "mp4", VideoCodec: "avc1", Width: 320, Height: 180, DurationMS: 3000, Make: "DJI", Model: "FC3582",
		Times: []clip.Time{
			said("mvhd", "2026-09-02T10:05:10Z", ""),
			said("creationdate", "2026-09-02T18:05:10+0800", "+08:00"),
		},
		Place: at(22.5431, 114.0579),
	},
	sample + "dji/DCIM/DJI_001/DJI_20260902180510_0001_D.LRF": {
		Container: "mp4", VideoCodec: "avc1", Width: 160, Height: 90, DurationMS: 3000,
		Times: []clip.Time{said("mvhd", "2026-09-02T10:05:10Z", "")},
	},
	sample + "zoom/STEREO/FOLDER01/STE-000.WAV": {
		Container: "wav", AudioCodec: "pcm", DurationMS: 2000, Model: "ZOOM Handy Recorder H4n",
		Times: []clip.Time{said("bext", "2026-09-02 18:07:30", "")},
	},
	sample + "sony/REC_FILE/FOLDER01/260902_1804.mp3": {
		Container: "mp3", AudioCodec: "mp3", DurationMS: 3056,
		Times: []clip.Time{said("TYER", "2026-09-02T18:04", "")},
	},
	real + "vbr.mp3": {
		Container: "mp3", AudioCodec: "mp3", DurationMS: 1071,
		Times: []clip.Time{said("TDRC", "2026-09-02T18:04:05", "")},
	},
	real + "rf64.wav": {Container: "wav", AudioCodec: "pcm", DurationMS: 1000},
	real + "adpcm.wav": {
		Container: "wav", AudioCodec: "ima_adpcm", DurationMS: 1021,
		Times: []clip.Time{said("ICRD", "2026-09-02", "")},
	},
	// The length of a movie in fragments stands in its fragments alone, which
	// are media data and not read.
	real + "fragment.mp4": {Container: "mp4", VideoCodec: "avc1", Width: 64, Height: 48},
}

func TestProbeRealFiles(t *testing.T) {
	for path, want := range facts {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if diff := cmp.Diff(want, probe(load(t, path))); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSampleIsCovered fails when a media file joins the sample without facts.
func TestSampleIsCovered(t *testing.T) {
	text := map[string]bool{".txt": true, ".SRT": true}
	for _, root := range []string{sample, real} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || text[filepath.Ext(path)] {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			if _, ok := facts[root+filepath.ToSlash(rel)]; !ok {
				t.Errorf("%s has no row in the table of facts", path)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// guard fails the test when a range of the file is touched.
type guard struct {
	*bytes.Reader
	t        *testing.T
	from, to int64
}

func (g guard) ReadAt(p []byte, off int64) (int, error) {
	if off < g.to && off+int64(len(p)) > g.from {
		g.t.Errorf("read [%d,%d) of the media data [%d,%d)", off, off+int64(len(p)), g.from, g.to)
	}
	return g.Reader.ReadAt(p, off)
}

func TestMediaDataIsNotRead(t *testing.T) {
	path := sample + "a11/DCIM/A11_2222222_100234_20260902180118_0001.mp4"
	b := load(t, path)
	mdat, moov := bytes.Index(b, []byte("mdat")), bytes.LastIndex(b, []byte("moov"))
	if mdat < 0 || moov < mdat {
		t.Fatalf("the sample should have moov (%d) behind mdat (%d)", moov, mdat)
	}
	g := guard{bytes.NewReader(b), t, int64(mdat + 4), int64(moov - 4)}
	if diff := cmp.Diff(facts[path], Probe(g, int64(len(b)))); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

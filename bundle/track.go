package bundle

import (
	"fmt"
	"math"
	"strings"

	"github.com/custodock/custodock/clip"
)

// point is a place of a clip on WGS 84, in degrees.
type point struct {
	clip     int // number in the certificate
	lat, lon float64
}

// points are where a clip says that it was made: what people and its tags say,
// and what stands in its own bytes, if that is elsewhere.
func (d *dossier) points(number int) (all []point) {
	for _, p := range []*clip.Place{d.rec.Media.Place, d.tags.Place} {
		if p == nil || p.Lat == nil || p.Lon == nil || !onEarth(*p.Lat, *p.Lon) {
			continue
		}
		next := point{number, *p.Lat, *p.Lon}
		if len(all) == 0 || all[0] != next {
			all = append(all, next)
		}
	}
	return all
}

func onEarth(lat, lon float64) bool { return math.Abs(lat) <= 90 && math.Abs(lon) <= 180 }

// The drawing's size, in its own units.
const (
	trackWidth, trackHeight = 480, 240
	trackMargin             = 24
)

// track is the way from place to place, in the order of the clips.
type track struct {
	Width, Height int
	Path          string // points of a polyline
	Marks         []mark
	Scale         words
}

type mark struct {
	X, Y  string
	Label string
}

// newTrack draws points so that a metre is as long in each direction; nil where
// they are not at least two places.
func newTrack(points []point) *track {
	if len(points) == 0 {
		return nil
	}
	low, high := points[0], points[0]
	for _, p := range points {
		low.lat, low.lon = min(low.lat, p.lat), min(low.lon, p.lon)
		high.lat, high.lon = max(high.lat, p.lat), max(high.lon, p.lon)
	}
	const metres = 111_320 // of a degree of latitude
	shrink := math.Cos((low.lat + high.lat) / 2 * math.Pi / 180)
	wide, tall := (high.lon-low.lon)*shrink*metres, (high.lat-low.lat)*metres
	if max(wide, tall) < 1 {
		return nil
	}
	scale := math.Min((trackWidth-2*trackMargin)/max(wide, 1), (trackHeight-2*trackMargin)/max(tall, 1))
	t := &track{Width: trackWidth, Height: trackHeight, Scale: say("track.scale", distance(math.Hypot(wide, tall)))}
	var path strings.Builder
	for _, p := range points {
		x := (trackWidth-wide*scale)/2 + (p.lon-low.lon)*shrink*metres*scale
		y := (trackHeight-tall*scale)/2 + (high.lat-p.lat)*metres*scale
		m := mark{X: fmt.Sprintf("%.1f", x), Y: fmt.Sprintf("%.1f", y), Label: fmt.Sprint(p.clip)}
		fmt.Fprintf(&path, "%s,%s ", m.X, m.Y)
		t.Marks = append(t.Marks, m)
	}
	t.Path = strings.TrimSpace(path.String())
	return t
}

func distance(m float64) string {
	if m < 1000 {
		return fmt.Sprintf("%.0f m", m)
	}
	return fmt.Sprintf("%.1f km", m/1000)
}

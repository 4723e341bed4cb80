package media

import (
	"math"
	"regexp"
	"strconv"

	"github.com/custodock/custodock/clip"
)

// setPlace keeps the first believable position in degrees, WGS 84. Exactly 0,0
// is what receivers without a fix write.
func setPlace(m *clip.Media, lat, lon float64) {
	if m.Place != nil || math.IsNaN(lat) || math.IsNaN(lon) || lat == 0 && lon == 0 {
		return
	}
	if math.Abs(lat) > 90 || math.Abs(lon) > 180 {
		return
	}
	m.Place = &clip.Place{Lat: &lat, Lon: &lon}
}

var iso6709 = regexp.MustCompile(`^([+-])(\d{2,6})(\.\d{1,12})?([+-])(\d{3,7})(\.\d{1,12})?(?:[+-].*)?/?`)

// setISO6709 reads ISO 6709's ±DD.D±DDD.D, ±DDMM.M±DDDMM.M or
// ±DDMMSS.S±DDDMMSS.S; height and reference system are left out.
func setISO6709(m *clip.Media, v string) {
	f := iso6709.FindStringSubmatch(v)
	if f == nil {
		return
	}
	lat, ok := sexagesimal(f[1], f[2], f[3], 2)
	lon, ok2 := sexagesimal(f[4], f[5], f[6], 3)
	if ok && ok2 {
		setPlace(m, lat, lon)
	}
}

// sexagesimal reads degrees of width digits, with or without two digits each
// of minutes and seconds; the fraction belongs to the last of them.
func sexagesimal(sign, whole, fraction string, width int) (float64, bool) {
	var degrees float64
	unit := 1.0
	for n := width; ; n = 2 {
		last := len(whole) == n
		if len(whole) < n {
			return 0, false
		}
		part := whole[:n]
		if last {
			part += fraction
		}
		v, err := strconv.ParseFloat(part, 64)
		if err != nil || unit < 1 && v >= 60 {
			return 0, false
		}
		degrees += v * unit
		if whole = whole[n:]; last {
			break
		}
		if unit /= 60; unit < 1.0/3601 {
			return 0, false
		}
	}
	if sign == "-" {
		degrees = -degrees
	}
	return degrees, true
}

var zoneSuffix = regexp.MustCompile(`T\d\d(?::?\d\d){0,2}(?:\.\d+)?(Z|[+-](?:0\d|1[0-4]):?[0-5]\d)$`)

// statedZone returns the zone an ISO 8601 time ends with, as ±hh:mm, or "".
func statedZone(v string) string {
	f := zoneSuffix.FindStringSubmatch(v)
	switch {
	case f == nil:
		return ""
	case f[1] == "Z":
		return "+00:00"
	case len(f[1]) == 5:
		return f[1][:3] + ":" + f[1][3:]
	}
	return f[1]
}

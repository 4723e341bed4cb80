package profile

import (
	"path"
	"strconv"
	"time"
)

// What a device counts with the numbers in its names.
const (
	CountsDevice = "device" // all that it records, on and on
	CountsFolder = "folder" // what it puts into one folder
	CountsDay    = "day"    // what it records in a day, from 1 on
)

// maxDigits bounds a number in a name.
const maxDigits = 9

// Series is a count: two names with the same one were counted together.
type Series struct {
	Format string // the profile whose pattern read the names
	Device string // the number of the device in them
	Scope  string // the folder, or the day; "" where the device has one count
}

// Number is the place of a file in its device's own count.
type Number struct {
	Series Series
	N      int64
	Digits int  // as it is written
	First  bool // the count is known to begin with 1, or with 0
}

// Number returns the number that the device gave a file, as far as its name has
// one that counts. Files that belong together have the same.
func (p *Profile) Number(file string) (Number, bool) {
	for _, n := range p.patterns {
		var f Facts
		if !n.read(file, &f) {
			continue
		}
		v, err := strconv.ParseInt(f.Seq, 10, 64)
		if n.Counts == "" || err != nil || len(f.Seq) > maxDigits {
			return Number{}, false
		}
		num := Number{Series: Series{Format: n.format, Device: f.Device}, N: v, Digits: len(f.Seq)}
		switch n.Counts {
		case CountsFolder:
			num.Series.Scope = path.Dir(file)
		case CountsDay:
			if f.At.IsZero() {
				return Number{}, false
			}
			num.Series.Scope, num.First = f.At.Format(time.DateOnly), true
		}
		return num, true
	}
	return Number{}, false
}

// countsProblem says what is wrong with the counts of a pattern whose example has
// these facts, "" when nothing is.
func (p *Pattern) countsProblem(example Facts) string {
	_, err := strconv.ParseInt(example.Seq, 10, 64)
	switch {
	case p.Counts == "":
		return ""
	case p.Counts != CountsDevice && p.Counts != CountsFolder && p.Counts != CountsDay:
		return "counts " + strconv.Quote(p.Counts) + "; write device, folder or day, or leave the key out"
	case err != nil:
		return "counts needs the group seq or number, and digits in it"
	case p.Counts == CountsDay && example.At.IsZero():
		return "counts: day needs the group time"
	}
	return ""
}

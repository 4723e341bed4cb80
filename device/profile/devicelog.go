package profile

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/custodock/custodock/configs"
)

// maxLogLine bounds a line of a device's log, in bytes.
const maxLogLine = 4096

// LogFile is a log that a device keeps of what it records. A line counts when the
// whole of it matches the expression, without regard to case. Its groups: seq, the
// number of the recording, as in its name; perhaps time, when it began.
type LogFile struct {
	File    string `yaml:"file"` // glob
	Pattern string `yaml:"pattern"`
	Example string `yaml:"example"` // a line that it matches
	Time    string `yaml:"time"`    // Go layout of the time group

	glob glob
	re   *regexp.Regexp
}

// Logged is what a line says: the device began a recording.
type Logged struct {
	Seq int64
	At  time.Time // by the device's clock, in UTC; zero where the line tells none
}

func (l *LogFile) compile(d *configs.Document, at string) (err error) {
	if l.glob, err = compileGlob(l.File); err != nil {
		return d.Errorf(at+".file", "%v", err)
	}
	if l.re, err = compileWhole(l.Pattern); err != nil {
		return d.Errorf(at+".pattern", "%v", err)
	}
	if l.re.SubexpIndex("seq") < 0 || (l.re.SubexpIndex("time") >= 0) != (l.Time != "") {
		return d.Errorf(at, "a line needs the group seq; a group time needs a layout, a layout the group")
	}
	if said, ok := l.Read(l.Example); !ok || l.Time != "" && said.At.IsZero() {
		return d.Errorf(at+".example", "the example %q does not match the pattern; give a line that does", l.Example)
	}
	return nil
}

// Read reads a line without its end.
func (l *LogFile) Read(line string) (Logged, bool) {
	if len(line) > maxLogLine {
		return Logged{}, false
	}
	m := l.re.FindStringSubmatch(strings.TrimRight(line, " \t\r"))
	if m == nil {
		return Logged{}, false
	}
	digits := m[l.re.SubexpIndex("seq")]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || len(digits) > maxDigits {
		return Logged{}, false
	}
	said := Logged{Seq: n}
	if l.Time != "" {
		if said.At, err = time.Parse(l.Time, m[l.re.SubexpIndex("time")]); err != nil {
			return Logged{}, false
		}
	}
	return said, true
}

// DeviceLog returns what reads a file as the device's log of its recordings, nil
// when nothing does.
func (p *Profile) DeviceLog(path string) *LogFile {
	for i := range p.Logs {
		if p.Logs[i].glob.match(path) {
			return &p.Logs[i]
		}
	}
	return nil
}

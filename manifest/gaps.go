package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// GapsStart is how the text of every statement about gaps begins. Like that of a
// receipt it cannot begin another kind of note.
const GapsStart = "custodock gaps v1\n"

// maxGaps bounds such a statement, signatures included, in bytes.
const maxGaps = 4 << 20

// The results of a statement about gaps.
const (
	GapsComplete = "complete" // nothing is missing
	GapsUnknown  = "unknown"  // no gap was found, and not all can be known
	GapsMissing  = "gaps"
)

// Gaps states what is missing among the clips of a log, or that nothing is.
type Gaps struct {
	Origin string
	Time   time.Time // of the dock, UTC, milliseconds
	By     string    // role that had it looked for
	Size   int64     // of the log that was looked through
	Root   tlog.Hash // of its first Size entries
	Device string    // the one that was looked at, "" for all
	Result string    // GapsComplete, GapsUnknown or GapsMissing
	Lines  []string  // a device, count, unknown or gap each: words with one space between
}

// gapsLine is the form of a line: printable ASCII without quotes.
var gapsLine = regexp.MustCompile(`^(device|count|unknown|gap)( [!#-&(-~]{1,100}){1,9}$`)

var gapsWord = regexp.MustCompile(`^[!#-&(-~]{1,100}$`)

// Text is what is signed.
func (g Gaps) Text() string {
	var b strings.Builder
	b.WriteString(GapsStart)
	put := func(key, value string) { b.WriteString(key + " " + value + "\n") }
	put("origin", g.Origin)
	put("time", g.Time.UTC().Format(receiptTime))
	put("by", g.By)
	put("size", strconv.FormatInt(g.Size, 10))
	put("root", g.Root.String())
	if g.Device != "" {
		put("only", g.Device)
	}
	put("result", g.Result)
	for _, line := range g.Lines {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// Sign encodes g as a signed note.
func (g Gaps) Sign(signers ...note.Signer) ([]byte, error) {
	text := g.Text()
	if _, err := parseGaps(text); err != nil {
		return nil, fmt.Errorf("sign statement about gaps: %w", err)
	}
	switch {
	case len(signers) == 0:
		return nil, errors.New("sign statement about gaps: no key")
	case len(text) > maxGaps/2:
		return nil, errors.New("sign statement about gaps: it is too long: look at one device at a time, with --device")
	}
	msg, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		return nil, fmt.Errorf("sign statement about gaps: %w", err)
	}
	return msg, nil
}

// OpenGaps reads a statement about the log called origin, which must carry a good
// signature by v. Errors are those of OpenReceipt.
func OpenGaps(msg []byte, origin string, v note.Verifier) (Gaps, error) {
	text, err := openNote(msg, maxGaps, v)
	if err != nil {
		return Gaps{}, fmt.Errorf("statement about gaps of %s: %w", origin, err)
	}
	g, err := parseGaps(text)
	switch {
	case err != nil:
		return Gaps{}, fmt.Errorf("statement about gaps of %s: %w", origin, err)
	case g.Origin != origin:
		return Gaps{}, fmt.Errorf("statement about gaps of %s: %w: it speaks for %q", origin, ErrUntrusted, g.Origin)
	}
	return g, nil
}

// parseGaps undoes Text and accepts nothing else.
func parseGaps(text string) (Gaps, error) {
	var g Gaps
	rest, _ := strings.CutPrefix(text, GapsStart)
	for line := range strings.SplitSeq(strings.TrimSuffix(rest, "\n"), "\n") {
		switch key, value, _ := strings.Cut(line, " "); {
		case g.Result != "":
			g.Lines = append(g.Lines, line)
		case key == "origin":
			g.Origin = value
		case key == "time":
			g.Time, _ = time.Parse(receiptTime, value)
		case key == "by":
			g.By = value
		case key == "size":
			g.Size, _ = strconv.ParseInt(value, 10, 64)
		case key == "root":
			g.Root, _ = tlog.ParseHash(value)
		case key == "only":
			g.Device = value
		case key == "result":
			g.Result = value
		}
	}
	words := gapsWord.MatchString(g.By) && (g.Device == "" || gapsWord.MatchString(g.Device)) && g.Origin != "" && !strings.ContainsAny(g.Origin, "\r\n")
	if !words || g.Size < 0 || g.Result != g.judge() || g.Text() != text {
		return Gaps{}, fmt.Errorf("%w: the text is not that of a statement about gaps", ErrMalformed)
	}
	return g, nil
}

// judge is the only result that the lines allow, "" where they are none.
func (g Gaps) judge() string {
	result, devices := GapsComplete, 0
	for _, line := range g.Lines {
		m := gapsLine.FindStringSubmatch(line)
		switch {
		case m == nil:
			return ""
		case m[1] == "gap":
			result = GapsMissing
		case m[1] == "unknown" && result == GapsComplete:
			result = GapsUnknown
		case m[1] == "device":
			devices++
		}
	}
	if devices == 0 && result == GapsComplete {
		return GapsUnknown
	}
	return result
}

package manifest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ReceiptStart is how the text of every receipt begins. No origin begins so, since
// an origin has no space: a receipt cannot pass for a checkpoint, nor the reverse.
const ReceiptStart = "custodock receipt v1\n"

// maxReceipt is far more than a receipt takes, signatures included, in bytes.
const maxReceipt = 16 << 10

// receiptTime is RFC 3339 in UTC with milliseconds, as in entries.
const receiptTime = "2006-01-02T15:04:05.000Z"

// Receipt is what a dock states to whoever docked a camera. It says what was true
// at its time and nothing of later.
type Receipt struct {
	Origin    string
	Time      time.Time // of the dock, UTC, milliseconds
	Docking   int64     // number of the docking.opened entry
	Device    string    // neutral id
	Bay       string    // "" where the entry names none
	End       string    // how the docking ended: that of docking.closed
	Clips     int64     // files on the camera that are clips
	Safe      int64     // of these: in the log, their bytes durable on the dock or in stores
	Central   int64     // of these: in as many stores as the dock was told to want
	Confirmed int64     // of these: read back whole from as many stores as it was told to want
	Size      int64     // of the log that has all this
	Root      tlog.Hash // of its first Size entries
}

// Text is what is signed: a word and its value a line.
func (r Receipt) Text() string {
	var b strings.Builder
	b.WriteString(ReceiptStart)
	put := func(key, value string) { b.WriteString(key + " " + value + "\n") }
	number := func(key string, n int64) { put(key, strconv.FormatInt(n, 10)) }
	put("origin", r.Origin)
	put("time", r.Time.UTC().Format(receiptTime))
	number("docking", r.Docking)
	put("device", r.Device)
	if r.Bay != "" {
		put("bay", r.Bay)
	}
	put("end", r.End)
	number("clips", r.Clips)
	number("safe", r.Safe)
	number("central", r.Central)
	number("confirmed", r.Confirmed)
	number("size", r.Size)
	put("root", r.Root.String())
	return b.String()
}

// Sign encodes r as a signed note.
func (r Receipt) Sign(signers ...note.Signer) ([]byte, error) {
	if _, err := parseReceipt(r.Text()); err != nil {
		return nil, fmt.Errorf("sign receipt: %w", err)
	}
	if len(signers) == 0 {
		return nil, errors.New("sign receipt: no key")
	}
	msg, err := note.Sign(&note.Note{Text: r.Text()}, signers...)
	if err != nil {
		return nil, fmt.Errorf("sign receipt: %w", err)
	}
	return msg, nil
}

// OpenReceipt reads a receipt of the log called origin, which must carry a good
// signature by v. The error wraps ErrUntrusted when it is another log's or
// another key's, else ErrMalformed.
func OpenReceipt(msg []byte, origin string, v note.Verifier) (Receipt, error) {
	text, err := openNote(msg, maxReceipt, v)
	if err != nil {
		return Receipt{}, fmt.Errorf("receipt of %s: %w", origin, err)
	}
	r, err := parseReceipt(text)
	switch {
	case err != nil:
		return Receipt{}, fmt.Errorf("receipt of %s: %w", origin, err)
	case r.Origin != origin:
		return Receipt{}, fmt.Errorf("receipt of %s: %w: it speaks for %q", origin, ErrUntrusted, r.Origin)
	}
	return r, nil
}

// parseReceipt undoes Text and accepts nothing else.
func parseReceipt(text string) (Receipt, error) {
	var r Receipt
	rest, _ := strings.CutPrefix(text, ReceiptStart)
	for line := range strings.SplitSeq(strings.TrimSuffix(rest, "\n"), "\n") {
		key, value, _ := strings.Cut(line, " ")
		r.set(key, value)
	}
	counts := r.Docking >= 0 && r.Confirmed >= 0 && r.Central >= 0 && r.Safe >= max(r.Central, r.Confirmed) && r.Clips >= r.Safe
	words := r.Origin != "" && r.Device != "" && r.End != "" && !strings.ContainsAny(r.Origin+r.Device+r.Bay+r.End, "\n\r")
	if !counts || !words || r.Docking >= r.Size || r.Text() != text {
		return Receipt{}, fmt.Errorf("%w: the text is not that of a receipt", ErrMalformed)
	}
	return r, nil
}

// set takes in one line; what it cannot read is missed when the text is compared.
func (r *Receipt) set(key, value string) {
	words := map[string]*string{"origin": &r.Origin, "device": &r.Device, "bay": &r.Bay, "end": &r.End}
	numbers := map[string]*int64{
		"docking": &r.Docking, "clips": &r.Clips, "safe": &r.Safe, "central": &r.Central, "confirmed": &r.Confirmed, "size": &r.Size,
	}
	switch {
	case words[key] != nil:
		*words[key] = value
	case numbers[key] != nil:
		*numbers[key], _ = strconv.ParseInt(value, 10, 64)
	case key == "time":
		r.Time, _ = time.Parse(receiptTime, value)
	case key == "root":
		r.Root, _ = tlog.ParseHash(value)
	}
}

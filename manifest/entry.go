package manifest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/custodock/custodock/clip"
)

// MaxEntry is the most bytes an encoded entry may have.
const MaxEntry = 4096

// version is the value of "v" in every entry of this format.
const version = 1

// timeLayout is RFC 3339 in UTC with exactly three digits of milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Clock says how far the dock's clock was to be believed.
type Clock struct {
	Source  string // "ntp", "ptp", "gps", "rtc", …
	Synced  bool
	ErrorMS int64 // estimated, milliseconds
}

// Draft is an entry before the log gives it its place.
type Draft struct {
	Type   string // "clip.ingested"
	Actor  string // a role, never a person
	Fields Object // what the type adds
	Record []byte // an encoded record, nil when there is none
}

// Entry is a parsed entry.
type Entry struct {
	Log    string
	N      int64
	Nonce  string
	Type   string
	T      time.Time // dock time, UTC, milliseconds
	Clock  Clock
	Actor  string
	Record string // SHA-256 of the record in hex, "" when there is none
	Fields Object // every other key
	Raw    []byte // the bytes that are hashed
}

// Name is how people call the entry, and the clip when the entry is a
// clip.ingested: the log, a hyphen and the number.
func (e Entry) Name() string { return fmt.Sprintf("%s-%d", e.Log, e.N) }

// reserved are the keys that belong to every entry.
var reserved = []string{"v", "log", "n", "nonce", "type", "t", "clock", "actor", "record"}

var (
	typeName  = regexp.MustCompile(`^[a-z]+\.[a-z]+$`)
	nonceForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// NewNonce returns 16 random bytes in hex.
func NewNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// Encode writes the draft as entry n of log. The result parses; it has no
// newline. t is cut to milliseconds.
func (d Draft) Encode(log string, n int64, nonce string, t time.Time, c Clock) ([]byte, error) {
	e, err := d.Entry(log, n, nonce, t, c)
	return e.Raw, err
}

// Entry is what ParseEntry makes of the bytes that Encode writes, without the
// price of parsing them. The draft keeps its fields.
func (d Draft) Entry(log string, n int64, nonce string, t time.Time, c Clock) (Entry, error) {
	for _, k := range reserved {
		if _, taken := d.Fields[k]; taken {
			return Entry{}, fmt.Errorf("encode %s: %w: field %q belongs to every entry", d.Type, ErrMalformed, k)
		}
	}
	o := asParsed(d.Fields, len(reserved))
	o["v"] = int64(version)
	o["log"] = log
	o["n"] = n
	o["nonce"] = nonce
	o["type"] = d.Type
	o["t"] = t.UTC().Truncate(time.Millisecond).Format(timeLayout)
	o["clock"] = Object{"source": c.Source, "synced": c.Synced, "error_ms": c.ErrorMS}
	o["actor"] = d.Actor
	if d.Record != nil {
		o["record"] = RecordDigest(d.Record).String()
	}
	raw, err := appendObject(make([]byte, 0, 1024), o, true)
	if err != nil {
		return Entry{}, fmt.Errorf("encode %s: %w", d.Type, err)
	}
	if len(raw) > MaxEntry {
		return Entry{}, fmt.Errorf("encode %s: %w: %d bytes are more than %d, put lists and long texts in the record",
			d.Type, ErrMalformed, len(raw), MaxEntry)
	}
	e, err := toEntry(o, raw)
	if err != nil {
		return Entry{}, fmt.Errorf("encode %s: %w", d.Type, err)
	}
	return e, nil
}

// ParseEntry reads an entry. Unknown types and keys are accepted; bytes that
// are not the canonical encoding are not. The error wraps ErrMalformed.
func ParseEntry(raw []byte) (Entry, error) {
	if len(raw) > MaxEntry {
		return Entry{}, fmt.Errorf("entry: %w: %d bytes are more than %d", ErrMalformed, len(raw), MaxEntry)
	}
	o, err := parseObject(raw)
	if err != nil {
		return Entry{}, fmt.Errorf("entry: %w", err)
	}
	e, err := toEntry(o, raw)
	if err != nil {
		return Entry{}, fmt.Errorf("entry: %w", err)
	}
	return e, nil
}

// toEntry checks the keys that belong to every entry and leaves the others in
// Fields; it takes o over.
func toEntry(o Object, raw []byte) (Entry, error) {
	bad := func(key string) (Entry, error) {
		return Entry{}, fmt.Errorf("%w: %q is missing or wrong", ErrMalformed, key)
	}
	e := Entry{Log: o.Str("log"), Nonce: o.Str("nonce"), Type: o.Str("type"), Raw: raw}
	if v, ok := o.Int("v"); !ok || v != version {
		return bad("v")
	}
	if !ValidLogName(e.Log) {
		return bad("log")
	}
	var ok bool
	if e.N, ok = o.Int("n"); !ok || e.N < 0 {
		return bad("n")
	}
	if !nonceForm.MatchString(e.Nonce) {
		return bad("nonce")
	}
	if !typeName.MatchString(e.Type) {
		return bad("type")
	}
	var err error
	if e.T, err = parseTime(o.Str("t")); err != nil {
		return bad("t")
	}
	if e.Clock, ok = toClock(o.Sub("clock")); !ok {
		return bad("clock")
	}
	if e.Actor, ok = o["actor"].(string); !ok || e.Actor == "" {
		return bad("actor")
	}
	if r, there := o["record"]; there {
		if e.Record, ok = r.(string); !ok {
			return bad("record")
		}
		if _, err := clip.ParseDigest(e.Record); err != nil {
			return bad("record")
		}
	}
	for _, k := range reserved {
		delete(o, k)
	}
	e.Fields = o
	return e, nil
}

func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(timeLayout, s)
	if err == nil && t.Format(timeLayout) != s {
		err = errors.New("not in utc with milliseconds")
	}
	return t, err
}

func toClock(o Object) (Clock, bool) {
	source, ok1 := o["source"].(string)
	synced, ok2 := o["synced"].(bool)
	ms, ok3 := o.Int("error_ms")
	return Clock{Source: source, Synced: synced, ErrorMS: ms}, ok1 && ok2 && ok3
}

package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
)

// entry is what proving needs of an entry. manifest.ParseEntry tells all of it
// but takes ten times as long, and logs are long. Its texts share the memory of
// the whole entry: who keeps one clones it.
type entry struct {
	n       int64
	typ     string // "" when the entry is malformed
	t       string // the dock's time, as it stands
	record  clip.Digest
	clip    string // the clip it is about
	leaf    string
	sha256  string
	size    int64 // -1 when it says none
	sm3     value // as it stands, "" when it says none
	store   string
	stored  string // SHA-256 of the stored bytes
	version string
	key     string // verifier key that signs from here on
	derived int64  // the derived file it is about, -1 when it is about none
	target  string // log of the entry whose record is erased
	targetN int64
	tsr     string // of a log.anchor, as the two below
	roots   string
	time    string
	raw     []byte
}

var errEntry = fmt.Errorf("entry: %w", manifest.ErrMalformed)

// scanEntry reads entry n of log.
func scanEntry(raw []byte, log string, n int64) (entry, error) {
	e := entry{size: -1, derived: -1, targetN: -1, raw: raw}
	var saidLog string
	var saidV, saidN int64 = -1, -1
	err := members(string(raw), func(key string, v value) (err error) {
		switch key {
		case "v":
			saidV, err = v.number()
		case "log":
			saidLog, err = v.text()
		case "n":
			saidN, err = v.number()
		case "type":
			e.typ, err = v.text()
		case "t":
			e.t, _ = v.text()
		case "record":
			var s string
			if s, err = v.text(); err == nil {
				e.record, err = clip.ParseDigest(s)
			}
		default:
			e.field(key, v)
		}
		return err
	})
	switch {
	case err != nil:
		return entry{n: n, raw: raw}, err
	case len(raw) > manifest.MaxEntry, saidV != 1, e.typ == "":
		return entry{n: n, raw: raw}, errEntry
	case saidLog != log || saidN != n:
		return entry{n: n, raw: raw}, fmt.Errorf("it says that it is %q", ClipName(saidLog, saidN))
	}
	e.n = n
	return e, nil
}

// field takes a field that some types have; of another kind than expected, it
// is one that this program does not know.
func (e *entry) field(key string, v value) {
	switch key {
	case "clip":
		e.clip, _ = v.text()
	case "leaf":
		e.leaf, _ = v.text()
	case "sha256":
		e.sha256, _ = v.text()
	case "size":
		if n, err := v.number(); err == nil {
			e.size = n
		}
	case "derived":
		if n, err := v.number(); err == nil {
			e.derived = n
		}
	case "sm3":
		e.sm3 = v
	case "store":
		e.store, _ = v.text()
	case "key":
		e.key, _ = v.text()
	case "version":
		e.version, _ = v.text()
	case "tsr":
		e.tsr, _ = v.text()
	case "roots":
		e.roots, _ = v.text()
	case "time":
		e.time, _ = v.text()
	case "stored":
		_ = v.object(func(key string, v value) error {
			if key == "sha256" {
				e.stored, _ = v.text()
			}
			return nil
		})
	case "target":
		_ = v.object(func(key string, v value) error {
			switch key {
			case "log":
				e.target, _ = v.text()
			case "n":
				if n, err := v.number(); err == nil {
					e.targetN = n
				}
			}
			return nil
		})
	}
}

// value is the JSON text of a string, an integer, a boolean or an object.
type value string

func (v value) text() (string, error) {
	if len(v) < 2 || v[0] != '"' {
		return "", errEntry
	}
	if strings.IndexByte(string(v), '\\') < 0 {
		return string(v[1 : len(v)-1]), nil
	}
	var s string
	err := json.Unmarshal([]byte(v), &s)
	return s, err
}

func (v value) number() (int64, error) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || len(v) > 1 && v[0] == '0' || v[0] == '+' {
		return 0, errEntry
	}
	return n, nil
}

func (v value) object(each func(key string, v value) error) error {
	if len(v) == 0 || v[0] != '{' {
		return errEntry
	}
	return walkObject(string(v), false, each)
}

// members walks through the object that fills raw: no spaces, keys ascending,
// objects within it one level deep.
func members(raw string, each func(key string, v value) error) error {
	return walkObject(raw, true, each)
}

func walkObject(raw string, top bool, each func(key string, v value) error) error {
	if len(raw) < 2 || raw[0] != '{' {
		return errEntry
	}
	rest, last := raw[1:], ""
	for first := true; ; first = false {
		if first && rest[0] == '}' {
			rest = rest[1:]
			break
		}
		end := stringEnd(rest)
		if end < 0 || end+1 >= len(rest) || rest[end] != ':' {
			return errEntry
		}
		key := rest[1 : end-1]
		if !first && key <= last {
			return errEntry
		}
		last, rest = key, rest[end+1:]
		end = valueEnd(rest, top)
		if end <= 0 || end >= len(rest) {
			return errEntry
		}
		if err := each(key, value(rest[:end])); err != nil {
			return err
		}
		next := rest[end]
		rest = rest[end+1:]
		if next == '}' {
			break
		}
		if next != ',' || len(rest) == 0 {
			return errEntry
		}
	}
	if len(rest) != 0 {
		return errors.New("entry: bytes follow it")
	}
	return nil
}

// stringEnd is where the string that b starts with is over, -1 without one.
func stringEnd(b string) int {
	if len(b) == 0 || b[0] != '"' {
		return -1
	}
	for i := 1; i < len(b); i++ {
		switch {
		case b[i] == '"':
			return i + 1
		case b[i] == '\\':
			i++
		case b[i] < ' ':
			return -1
		}
	}
	return -1
}

// valueEnd is where the value that b starts with is over, -1 without one.
func valueEnd(b string, objects bool) int {
	if len(b) == 0 {
		return -1
	}
	switch {
	case b[0] == '"':
		return stringEnd(b)
	case b[0] == '{' && objects:
		for i := 1; i < len(b); i++ {
			switch b[i] {
			case '"':
				end := stringEnd(b[i:])
				if end < 0 {
					return -1
				}
				i += end - 1
			case '}':
				if walkObject(b[:i+1], false, func(string, value) error { return nil }) != nil {
					return -1
				}
				return i + 1
			}
		}
		return -1
	}
	i := strings.IndexAny(b, ",}")
	if i < 0 {
		return -1
	}
	if s := b[:i]; s != "true" && s != "false" {
		if _, err := value(s).number(); err != nil {
			return -1
		}
	}
	return i
}

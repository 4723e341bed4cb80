// Package audit says what a log tells of its own gaps, and of who looked at what.
// It is given entries that were proved, with their records, in order, and does no
// I/O of its own. What devices count, and how they name what they record, it takes
// from device profiles.
package audit

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/custodock/custodock/clip"
)

// ingestedRecord is what an audit needs of the record of a clip.ingested.
type ingestedRecord struct {
	Path    string    `json:"path"`
	PathHex string    `json:"path_hex"`
	Profile string    `json:"profile"`
	Tags    clip.Tags `json:"tags"`
}

// seenName is a name in the record of a docking.closed.
type seenName struct {
	Path    string   `json:"path"`
	PathHex string   `json:"path_hex"`
	Outcome string   `json:"outcome"`
	What    []string `json:"what"`
}

// closedRecord is what an audit needs of the record of a docking.closed.
type closedRecord struct {
	Before  []seenName `json:"before"`
	Changed []seenName `json:"changed"`
}

// rawPath is a path as it was on the device.
func rawPath(path, pathHex string) string {
	if raw, err := hex.DecodeString(pathHex); err == nil && pathHex != "" {
		return string(raw)
	}
	return path
}

// decode reads a record; one of another form tells nothing.
func decode(record []byte, into any) bool {
	return record != nil && json.Unmarshal(record, into) == nil
}

// word is what a device wrote as one word of plain letters: other bytes stand as
// % and two hex digits, and what is very long is cut.
func word(s string) string {
	var b strings.Builder
	for _, c := range []byte(s[:min(len(s), maxWord)]) {
		if plain := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("._-", c) >= 0; plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

// maxWord is how many bytes of a word are shown.
const maxWord = 32

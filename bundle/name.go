package bundle

import (
	"cmp"
	"encoding/json"
	"path"
	"strings"
)

// maxName is the length of a safe name, in bytes.
const maxName = 100

// safeName is what a clip's file is called in a package: what its record says
// that it was called on its source, as far as every file system can keep it.
// Each clip has a folder of its own, so names need not differ.
func safeName(record []byte, clipName string) string {
	var said struct {
		Path string `json:"path"` // of a clip
		Name string `json:"name"` // of what was made from one
	}
	if json.Unmarshal(record, &said) != nil || said.Path+said.Name == "" {
		return clipName
	}
	return plainName(path.Base(cmp.Or(said.Path, said.Name)))
}

// plainName is a name that every file system keeps and no shell misreads.
func plainName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '_'
	}, name)
	// A hidden name would be overlooked, one with a hyphen taken for an option;
	// Windows drops dots at the end.
	name = strings.TrimRight(name, ".")
	if name == "" || name[0] == '.' || name[0] == '-' {
		name = "_" + name
	}
	ext := path.Ext(name)
	base := strings.TrimSuffix(name, ext)
	if reserved[strings.ToUpper(strings.SplitN(base, ".", 2)[0])] {
		base = "_" + base
	}
	if len(ext) > 16 {
		base, ext = base+ext, ""
	}
	return base[:min(len(base), maxName-len(ext))] + ext
}

// reserved are the names that Windows keeps for devices, whatever follows a dot.
var reserved = func() map[string]bool {
	m := map[string]bool{"CON": true, "PRN": true, "AUX": true, "NUL": true}
	for _, digit := range "0123456789" {
		m["COM"+string(digit)], m["LPT"+string(digit)] = true, true
	}
	return m
}()

package configs

import (
	"fmt"
	"os"
)

// How much of a matter must be recorded.
const (
	RecordRequired = "required" // the parts likely to be disputed
	RecordWhole    = "whole"    // from beginning to end
)

// Matter is one line of the list of matters that must be recorded
// (音像记录事项清单).
type Matter struct {
	ID        string `yaml:"id"`
	ZH        string `yaml:"zh"`
	EN        string `yaml:"en"`
	Recording string `yaml:"recording"` // RecordRequired or RecordWhole
}

// Matters returns the list that ships with the program.
func Matters() ([]Matter, error) { return parseMatters("matters.yaml", matters) }

// LoadMatters reads an authority's own list. Mistakes are *Error.
func LoadMatters(file string) ([]Matter, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the list of matters: %w", err)
	}
	return parseMatters(file, data)
}

func parseMatters(file string, data []byte) ([]Matter, error) {
	var list struct {
		Matters []Matter `yaml:"matters"`
	}
	d, err := Decode(file, data, &list)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i, m := range list.Matters {
		at := fmt.Sprintf("matters.%d", i)
		if !shortName.MatchString(m.ID) {
			return nil, d.Errorf(at+".id", "matter id %q; use lower-case letters, digits, . _ -, at most 32", m.ID)
		}
		if seen[m.ID] {
			return nil, d.Errorf(at+".id", "a second matter %q; an id names one matter", m.ID)
		}
		seen[m.ID] = true
		for _, v := range []struct{ key, value string }{{"zh", m.ZH}, {"en", m.EN}} {
			if !plain(v.value) || len(v.value) > maxText {
				return nil, d.Errorf(at+"."+v.key, "matter %s needs a name in %s of at most %d bytes", m.ID, v.key, maxText)
			}
		}
		if m.Recording != RecordRequired && m.Recording != RecordWhole {
			return nil, d.Errorf(at+".recording", "recording %q; use %s or %s", m.Recording, RecordRequired, RecordWhole)
		}
	}
	return list.Matters, nil
}

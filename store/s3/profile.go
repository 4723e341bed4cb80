package s3

import (
	"fmt"
	"strings"
	"unicode"
)

// keys are one pair of access keys. They are never shown.
type keys struct{ id, secret, token string }

// parseProfile finds a profile in a file of the AWS form: sections in brackets,
// key = value, comments on lines of their own. Errors name lines, never what
// stands in them.
func parseProfile(data []byte, profile string) (keys, error) {
	var k keys
	inside, found := false, false
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			name, ok := sectionName(line)
			if !ok {
				return keys{}, fmt.Errorf("line %d has no closing bracket", number)
			}
			inside = name == profile
			found = found || inside
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok && !indented { // an indented line belongs to a nested setting
				return keys{}, fmt.Errorf("line %d is neither [profile] nor key = value", number)
			}
			if inside && !indented {
				k.set(strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value))
			}
		}
	}
	switch {
	case !found:
		return keys{}, fmt.Errorf("it has no profile %q", short(profile))
	case k.id == "" || k.secret == "":
		return keys{}, fmt.Errorf("profile %q lacks aws_access_key_id or aws_secret_access_key", short(profile))
	case !k.sendable():
		return keys{}, fmt.Errorf("a key of profile %q holds spaces or other characters that no key has", short(profile))
	}
	return k, nil
}

// sectionName is x for [x] and, as in the AWS configuration file, [profile x].
func sectionName(line string) (string, bool) {
	name, rest, ok := strings.Cut(line[1:], "]")
	rest = strings.TrimSpace(rest)
	if !ok || rest != "" && rest[0] != '#' && rest[0] != ';' {
		return "", false
	}
	name = strings.TrimSpace(name)
	if of, ok := strings.CutPrefix(name, "profile "); ok {
		name = strings.TrimSpace(of)
	}
	return name, true
}

func (k *keys) set(key, value string) {
	switch key {
	case "aws_access_key_id":
		k.id = value
	case "aws_secret_access_key":
		k.secret = value
	case "aws_session_token":
		k.token = value
	}
}

// sendable reports whether the keys can stand in a header.
func (k keys) sendable() bool {
	return !strings.ContainsFunc(k.id+k.secret+k.token, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsGraphic(r) || unicode.IsSpace(r)
	})
}

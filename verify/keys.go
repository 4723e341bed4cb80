package verify

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/manifest"
)

// key takes in what an entry says of the keys that sign the log.
func (s *scan) key(e entry) {
	if (e.typ == "log.started" || e.typ == "log.key") && e.key != "" {
		s.keys = append(s.keys, strings.Clone(e.key))
	}
}

// settleKey compares the published first key with the one that was given: it is
// that, or the log says that it began with the one and took the other in.
func (s *scan) settleKey() []Problem {
	given := strings.TrimSpace(s.Key)
	if s.published == "" || s.published == given+"\n" {
		return nil // what is missing was said
	}
	if len(s.keys) > 1 && s.published == s.keys[0]+"\n" && slices.Contains(s.keys[1:], given) {
		return nil
	}
	return []Problem{{manifest.KeyPath(s.head.Log), "is not the key that was given"}}
}

// signed has open try the key that was given and then, for what was signed before
// that came or after it went, the others that the log names.
func (r *run) signed(open func(note.Verifier) error) error { return r.tryKeys(r.keys, open) }

// vouched is signed for what nothing else in the log binds, such as a receipt: of
// the other keys only those count that an authority answers for, where one was asked.
func (r *run) vouched(open func(note.Verifier) error) error {
	keys := r.keys
	if len(r.Endorsed) > 0 {
		keys = slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
			return !slices.ContainsFunc(r.Endorsed, func(e manifest.Endorsement) bool { return e.Key == key })
		})
	}
	return r.tryKeys(keys, open)
}

func (r *run) tryKeys(keys []string, open func(note.Verifier) error) error {
	err := open(r.head.Verifier)
	for _, key := range keys {
		if !errors.Is(err, manifest.ErrUntrusted) {
			break
		}
		if v, bad := manifest.ParseKey(key); bad == nil && open(v) == nil {
			return nil
		}
	}
	return err
}

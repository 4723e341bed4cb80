package ingest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store/dir"
)

// Entries say that a clip is stored under the name of a store, so a name means
// one place for ever: a folder by the id in its marker, wherever it is mounted,
// a bucket by its name and prefix, whatever endpoint leads there.

func placeKey(name string) []byte { return []byte("place " + name) }

func namedKey(raw string) []byte { return []byte("named " + raw) }

// placeOf is what identifies the place that a URL leads to now, "" for a folder
// that is not there or no store yet.
func placeOf(raw string) string {
	path, local := localPath(raw)
	if !local {
		return bucket(raw)
	}
	return dir.IDOf(path)
}

// known is the place that a name stands for, "" before it was first opened.
// Older states kept it under name and URL, perhaps several.
func known(tx *bbolt.Tx, name, raw string) string {
	meta := tx.Bucket(metaBucket)
	if p := meta.Get(placeKey(name)); p != nil {
		return string(p)
	}
	if p := meta.Get([]byte("store " + name + " " + raw)); p != nil {
		return string(p)
	}
	prefix := []byte("store " + name + " ")
	if k, v := meta.Cursor().Seek(prefix); bytes.HasPrefix(k, prefix) {
		return string(v)
	}
	return ""
}

// namedAt is the name under which a URL was opened before, "" when it never was.
func namedAt(tx *bbolt.Tx, raw string) string {
	if name := tx.Bucket(metaBucket).Get(namedKey(raw)); name != nil {
		return string(name)
	}
	cur := tx.Bucket(metaBucket).Cursor()
	for k, _ := cur.Seek([]byte("store ")); bytes.HasPrefix(k, []byte("store ")); k, _ = cur.Next() {
		if name, url, _ := strings.Cut(string(k[len("store "):]), " "); url == raw {
			return name
		}
	}
	return ""
}

// nameStores gives each store without a name the one that its URL had before,
// whether its disk is there or not, else the one that its place has, else the
// first that no other place has: central, central2 and so on. A bucket under
// the name of another place is refused; a folder is refused when it is opened.
func (s *Station) nameStores(stores []configs.Store) ([]configs.Store, error) {
	stores = slices.Clone(stores)
	err := s.db.View(func(tx *bbolt.Tx) error {
		taken := map[string]bool{}
		for _, st := range stores {
			taken[st.Name] = true
			_, local := localPath(st.URL)
			if was := known(tx, st.Name, st.URL); st.Name != "" && !local && was != "" && was != bucket(st.URL) {
				return fmt.Errorf("store %s at %s: clips are entered as stored under that name at %s: give the new place another name", st.Name, st.URL, was)
			}
		}
		for i := range stores {
			if stores[i].Name == "" {
				stores[i].Name = nameFor(tx, stores[i].URL, taken)
				taken[stores[i].Name] = true
			}
		}
		return nil
	})
	return stores, err
}

func nameFor(tx *bbolt.Tx, raw string, taken map[string]bool) string {
	if name := namedAt(tx, raw); name != "" && !taken[name] {
		return name
	}
	if place := placeOf(raw); place != "" {
		cur := tx.Bucket(metaBucket).Cursor()
		for k, v := cur.Seek(placeKey("")); bytes.HasPrefix(k, placeKey("")); k, v = cur.Next() {
			if name := string(k[len(placeKey("")):]); string(v) == place && !taken[name] {
				return name
			}
		}
	}
	for n := 1; ; n++ {
		name := embedded
		if n > 1 {
			name = fmt.Sprintf("%s%d", embedded, n)
		}
		if was := known(tx, name, raw); !taken[name] && (was == "" || was == placeOf(raw)) {
			return name
		}
	}
}

package bundle

import (
	"fmt"
	"strings"

	"github.com/custodock/custodock/manifest"
)

// custody is one entry about a clip, as a row of the certificate.
type custody struct {
	N     int64
	When  string
	Type  string
	What  words
	Actor words
	Note  string
	Leaf  string
}

// custody lists the clip's own entry and every statement about it.
func (w *writer) custody(d *dossier) []custody {
	rows := []custody{w.custodyRow(d.entry)}
	for _, e := range d.about {
		rows = append(rows, w.custodyRow(e))
	}
	for _, e := range w.others["record.erased"] {
		if n, ok := e.Fields.Sub("target").Int("n"); ok && d.has(n) {
			rows = append(rows, w.custodyRow(e))
		}
	}
	return rows
}

func (d *dossier) has(n int64) bool {
	for _, e := range d.about {
		if e.N == n {
			return true
		}
	}
	return d.entry.N == n
}

func (w *writer) custodyRow(e manifest.Entry) custody {
	leaf := manifest.LeafHash(e.Raw)
	return custody{
		N: e.N, When: w.when(e.T), Type: e.Type, What: either("type", e.Type), Actor: either("actor", e.Actor),
		Note: text(w.note(e)), Leaf: fmt.Sprintf("%x", leaf[:]),
	}
}

// note is what an entry says beside its type: where to, why and for whom.
func (w *writer) note(e manifest.Entry) string {
	s := w.statement(e)
	var all []string
	for _, part := range []string{e.Fields.Str("store"), e.Fields.Str("lock") + " " + e.Fields.Str("until"), s.For, s.Range} {
		if part = strings.TrimSpace(part); part != "" && part != "none" {
			all = append(all, part)
		}
	}
	if s.Reason != "" && e.Type != "clip.ingested" {
		all = append(all, s.Reason)
	}
	if e.Type == "record.erased" {
		n, _ := e.Fields.Sub("target").Int("n")
		all = append(all, fmt.Sprint(n))
	}
	return strings.Join(all, "; ")
}

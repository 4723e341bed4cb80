package server

import (
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
)

// Status is what a witness shows to whoever asks. It has nothing that is not in
// the checkpoints it was sent.
type Status struct {
	Witness string      `json:"witness"` // its verifier key
	Time    time.Time   `json:"time"`
	Logs    []LogStatus `json:"logs"`
}

// LogStatus is one log that is watched.
type LogStatus struct {
	Log      string    `json:"log"`      // its origin
	Size     int64     `json:"size"`     // entries that were cosigned
	Root     string    `json:"root"`     // "" before the first
	Cosigned time.Time `json:"cosigned"` // when that size was first; zero before the first
	AgeS     int64     `json:"age_s"`    // seconds since then, -1 before the first
	Forked   int       `json:"forked"`   // checkpoints that prove a fork
	Unproved int       `json:"unproved"` // that came without a proof
	Behind   int       `json:"behind"`   // that had fewer entries than were cosigned
	Kept     *Kept     `json:"kept,omitempty"`
}

// Status tells of each log, by its name.
func (w *Witness) Status() (Status, error) {
	s := Status{Witness: w.Key().String(), Time: w.o.Now().UTC().Truncate(time.Second)}
	err := w.db.View(func(tx *bbolt.Tx) error {
		for _, origin := range slices.Sorted(maps.Keys(w.logs)) {
			head, _, err := headOf(tx, origin)
			if err != nil {
				return err
			}
			l := LogStatus{
				Log: origin, Size: head.Size, Root: head.Root, Cosigned: head.Time, AgeS: -1,
				Forked: count(tx, origin, Forked), Unproved: count(tx, origin, Unproved), Behind: count(tx, origin, Behind),
			}
			if head.Checkpoint != nil {
				l.AgeS = max(0, int64(s.Time.Sub(head.Time).Seconds()))
			}
			if len(w.o.Keep) > 0 {
				k, err := keptOf(tx, origin)
				if err != nil {
					return err
				}
				l.Kept = &k
			}
			s.Logs = append(s.Logs, l)
		}
		return nil
	})
	return s, err
}

func (w *Witness) status(rw http.ResponseWriter, _ *http.Request) {
	s, err := w.Status()
	if err != nil {
		w.o.Log.Error("tell status", "stage", "witness", "err", err)
		http.Error(rw, "the witness cannot read its state", http.StatusInternalServerError)
		return
	}
	s.Logs = append([]LogStatus{}, s.Logs...) // a program finds a list, empty or not
	b, err := json.Marshal(s)
	if err != nil {
		http.Error(rw, "the status cannot be written", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	_, _ = rw.Write(append(manifest.Printable(b), '\n'))
}

var pageText = template.Must(template.New("page").Funcs(template.FuncMap{"t": message.T}).Parse(`<!DOCTYPE html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><title>{{t .Lang "witness.page"}}</title>
<style>body{font-family:sans-serif;margin:2em}td,th{padding:.3em 1em;text-align:left;border-bottom:1px solid #ccc}.bad{color:#b00;font-weight:bold}code{word-break:break-all}</style>
</head><body><h1>{{t .Lang "witness.page"}}</h1><p><code>{{.Status.Witness}}</code></p>
<table><tr><th>{{t .Lang "witness.log"}}</th><th>{{t .Lang "witness.entries"}}</th><th>{{t .Lang "witness.last"}}</th><th>{{t .Lang "witness.note"}}</th></tr>
{{range .Rows}}<tr><td><code>{{.Log}}</code></td><td>{{.Size}}</td><td>{{.Last}}</td><td{{if .Bad}} class="bad"{{end}}>{{.Note}}</td></tr>
{{range .Kept}}<tr><td></td><td></td><td colspan="2">{{.}}</td></tr>
{{end}}{{end}}</table></body></html>
`))

// Row is a log as people read it.
type Row struct {
	Log, Last, Note string
	Size            int64
	Bad             bool
	Kept            []string // what is known of its entries
}

// Rows words a status in one of the languages.
func (s Status) Rows(lang string) []Row {
	var out []Row
	for _, l := range s.Logs {
		r := Row{Log: message.Line(l.Log), Size: l.Size, Last: message.T(lang, "witness.never")}
		if l.AgeS >= 0 {
			age := time.Duration(l.AgeS) * time.Second
			r.Last = message.T(lang, "witness.ago", l.Cosigned.UTC().Format(time.DateTime), age.String())
		}
		switch {
		case l.Forked > 0:
			r.Note, r.Bad = message.N(lang, "witness.forked", l.Forked), true
		case l.Unproved > 0:
			r.Note, r.Bad = message.N(lang, "witness.unproved", l.Unproved), true
		case l.Behind > 0:
			r.Note = message.N(lang, "witness.behind", l.Behind)
		}
		if l.Kept != nil {
			r.Kept = l.Kept.words(lang)
		}
		out = append(out, r)
	}
	return out
}

// words say how many entries of each type are kept.
func (k *Kept) words(lang string) []string {
	last := message.T(lang, "witness.never")
	if !k.Last.IsZero() {
		last = k.Last.UTC().Format(time.DateTime) + " UTC"
	}
	out := []string{message.T(lang, "witness.kept", k.Size, last)}
	for _, typ := range slices.Sorted(maps.Keys(k.Types)) {
		out = append(out, message.T(lang, "witness.type", k.Types[typ], message.Line(typ)))
	}
	if k.Problem != "" {
		out = append(out, message.T(lang, "witness.kept.problem", message.Line(k.Problem)))
	}
	return out
}

func (w *Witness) page(rw http.ResponseWriter, r *http.Request) {
	s, err := w.Status()
	if err != nil {
		w.o.Log.Error("show status", "stage", "witness", "err", err)
		http.Error(rw, "the witness cannot read its state", http.StatusInternalServerError)
		return
	}
	lang := message.Accept(r.Header.Get("Accept-Language"))
	if lang == "" {
		lang = message.English
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	err = pageText.Execute(rw, struct {
		Lang   string
		Status Status
		Rows   []Row
	}{lang, s, s.Rows(lang)})
	if err != nil {
		w.o.Log.Debug("write page", "stage", "witness", "err", err)
	}
}

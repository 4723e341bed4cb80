package console

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

const (
	// receiptTime is how long a receipt waits for a store that may be away.
	receiptTime = 3 * time.Second
	// restTime is after how long without a touch a receipt gives way to the dock.
	restTime = time.Minute
	// wrongTries may be made in a wrongTime, by all together: who guesses gets
	// nowhere, and a tired officer may mistype.
	wrongTries = 10
	wrongTime  = time.Minute
	// maxEarlier is how many dockings before the last a badge finds.
	maxEarlier = 50
	// maxAsked bounds what is typed, and the request it comes in, in bytes.
	maxAsked = 4 << 10
)

// sheetView is a receipt, or where one is asked for.
type sheetView struct {
	Lang, Other     string
	Here            string // this sheet again, for the other language
	Rest            int64  // milliseconds
	Paper           *paperView
	Sorry, Do       string // why there is none
	Digits, Letters []string
}

// paperView is a receipt, with every word chosen.
type paperView struct {
	Words        []string
	Dock         string
	Bay, Device  string
	Number, Note string
	Code         codeView
	All          bool // central storage has every clip, read back
	Earlier      int  // of a badge: how many dockings before its last come next; 0 of a number
}

// The keys of a sheet without a keyboard.
var (
	digitKeys  = strings.Split("1234567890-", "")
	letterKeys = strings.Split("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "")
)

// receipt shows the receipt that a number names, or where to ask for one. The
// number stands on the bay as long as the camera is there, and on the receipt.
func (b *board) receipt(w http.ResponseWriter, r *http.Request) {
	view, status := b.blank(b.language(r)), http.StatusOK
	if number := r.URL.Query().Get("number"); number != "" {
		status = b.fill(r.Context(), view, number, 0)
	}
	b.draw(w, "receipt.html", view, status)
}

// again answers what was typed or scanned. That stands in the body, since a badge
// has no place in an address.
func (b *board) again(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxAsked)
	view := b.blank(b.language(r))
	code, earlier := strings.TrimSpace(r.PostFormValue("code")), 0
	if n, err := strconv.Atoi(r.PostFormValue("earlier")); err == nil {
		earlier = min(max(n, 0), maxEarlier)
	}
	status := b.fill(r.Context(), view, code, earlier)
	if view.Paper != nil && view.Paper.Number != code {
		view.Paper.Earlier = earlier + 1
	}
	b.draw(w, "sheet", view, status)
}

func (b *board) blank(lang string) *sheetView {
	v := &sheetView{Lang: lang, Other: message.Chinese, Here: "/receipt?", Rest: b.rest.Milliseconds(), Digits: digitKeys, Letters: letterKeys}
	if lang == message.Chinese {
		v.Other = message.English
	}
	return v
}

// fill puts the receipt into the sheet, or why there is none. One is made at a
// time: nobody can have the dock publish and sign for many at once.
func (b *board) fill(ctx context.Context, view *sheetView, code string, earlier int) int {
	sorry := func(key string, status int) int {
		view.Sorry, view.Do = message.T(view.Lang, "receipt."+key), message.T(view.Lang, "receipt."+key+".do")
		return status
	}
	select {
	case b.papers <- struct{}{}:
		defer func() { <-b.papers }()
	case <-ctx.Done(): // who asked has gone
		return sorry("cannot", http.StatusServiceUnavailable)
	}
	ctx, cancel := context.WithTimeout(ctx, receiptTime)
	defer cancel()
	if b.tries.over() {
		return sorry("tries", http.StatusTooManyRequests)
	}
	r, err := ingest.ReceiptView{}, ingest.ErrNoDocking
	if code != "" {
		r, err = b.desk.ReceiptAgain(ctx, code, earlier)
	}
	switch {
	case errors.Is(err, ingest.ErrNoDocking):
		b.tries.wrong()
		if earlier > 0 {
			return sorry("last", http.StatusNotFound)
		}
		return sorry("none", http.StatusNotFound)
	case err == nil:
		view.Paper, err = paperOf(r, view.Lang)
	}
	if err != nil {
		return sorry("cannot", http.StatusServiceUnavailable)
	}
	view.Here += "number=" + url.QueryEscape(r.Number) + "&"
	return http.StatusOK
}

func paperOf(r ingest.ReceiptView, lang string) (*paperView, error) {
	code, err := codeOf(r.Note)
	if err != nil {
		return nil, err
	}
	p := &paperView{
		Words: together(ReceiptText(r, lang)), Bay: message.Line(r.Bay), Device: message.Line(r.Device), Number: message.Line(r.Number), Note: r.Note, Code: code,
		All: r.End == "complete" && r.Confirmed == r.Clips,
	}
	for line := range strings.Lines(r.Note) {
		if origin, found := strings.CutPrefix(line, "origin "); found {
			p.Dock = message.Line(strings.TrimSpace(origin))
			break
		}
	}
	return p, nil
}

var date = regexp.MustCompile(`\d{4}-\d{2}-\d{2}`)

// together keeps a date on one line: a browser may break it behind each hyphen.
func together(lines []string) []string {
	const joiner = "\u2060"
	for i, line := range lines {
		lines[i] = date.ReplaceAllStringFunc(line, func(day string) string {
			return strings.ReplaceAll(day, "-", joiner+"-"+joiner)
		})
	}
	return lines
}

func (b *board) draw(w http.ResponseWriter, name string, view *sheetView, status int) {
	var page bytes.Buffer
	if err := templates[view.Lang].ExecuteTemplate(&page, name, view); err != nil {
		http.Error(w, "the page cannot be drawn", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}

// tries counts what nobody has a receipt for.
type tries struct {
	now func() time.Time

	mu    sync.Mutex
	since time.Time
	count int
}

func (t *tries) wrong() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); now.Sub(t.since).Abs() >= wrongTime {
		t.since, t.count = now, 0
	}
	t.count++
}

// over reports whether nobody may try before the minute is over.
func (t *tries) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count >= wrongTries && t.now().Sub(t.since).Abs() < wrongTime
}

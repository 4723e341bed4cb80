package console

import (
	"errors"
	"fmt"
	"image/color"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/boombuler/barcode/qr"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/ingest"
)

// aReceipt is one of twelve clips, of which central storage has four.
var aReceipt = ingest.ReceiptView{
	Docking: 42, Device: "c017", Bay: "bay-03", Time: "2026-03-01T03:02:01.125Z", End: "complete", Clips: 12, Safe: 12, Central: 4, Confirmed: 4,
	Note: "custodock receipt v1\norigin example.org/dk3v9q\ntime …\n", Number: "42-7316",
}

// typed posts what was typed at a sheet.
func typed(t *testing.T, h http.Handler, path, site string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Host = "localhost"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", site)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func code(text string) url.Values { return url.Values{"code": {text}} }

func TestReceiptText(t *testing.T) {
	all := aReceipt
	all.Central, all.Confirmed = 12, 12
	part := aReceipt
	part.Clips, part.End, part.Confirmed = 13, "incomplete", 12
	for _, c := range []struct {
		r         ingest.ReceiptView
		says, not []string
	}{
		{aReceipt, []string{"12 clips are safe on this dock", "4 confirmed, 0 stored, 8 waiting", "Keep the camera's clips."}, []string{"has all"}},
		{all, []string{"12 confirmed, 0 stored, 0 waiting", "Central storage has all of them"}, []string{"Keep"}},
		{part, []string{"1 file is on the camera only", "not read to its end", "Keep the camera's clips."}, []string{"has all"}},
	} {
		text := strings.Join(ReceiptText(c.r, "en"), "\n")
		for _, want := range c.says {
			if !strings.Contains(text, want) {
				t.Errorf("%+v lacks %q: %s", c.r, want, text)
			}
		}
		for _, bad := range c.not {
			if strings.Contains(text, bad) {
				t.Errorf("%+v says %q", c.r, bad)
			}
		}
	}
}

// TestBayOffersItsReceipt: only where the camera may be taken and had clips.
func TestBayOffersItsReceipt(t *testing.T) {
	for _, c := range []struct {
		bay  ingest.BayStatus
		want bool
	}{
		{ingest.BayStatus{State: ingest.BayDone, MayTake: true, Listed: 2, Done: 2, Receipt: "42-7316"}, true},
		{ingest.BayStatus{State: ingest.BayError, MayTake: true, Listed: 2, Done: 1, Remaining: 1, Receipt: "42-7316"}, true},
		{ingest.BayStatus{State: ingest.BayDone, MayTake: true, Receipt: "42-7316"}, false},
		{ingest.BayStatus{State: ingest.BayDone, MayTake: true, Listed: 2, Done: 2}, false},
		{ingest.BayStatus{State: ingest.BayDone, Listed: 2, Done: 2, Receipt: "42-7316"}, false},
		{ingest.BayStatus{State: ingest.BayGone, Listed: 2, MayTake: true, Receipt: "42-7316"}, false},
		{ingest.BayStatus{State: ingest.BayDone, MayTake: true, Listed: 2, Receipt: "42-7316", Erase: &ingest.EraseStatus{Busy: true}}, false},
	} {
		page := get(t, Board(&fakeDesk{status: ingest.Status{Bays: []ingest.BayStatus{c.bay}}}, conf("en", "")), "/?lang=zh", nil).Body.String()
		if strings.Contains(page, `href="/receipt?number=42-7316&amp;lang=zh"`) != c.want {
			t.Errorf("%+v: want %v", c.bay, c.want)
		}
	}
}

// TestReceiptRights: what somebody at the screen may learn, and by what.
func TestReceiptRights(t *testing.T) {
	for _, c := range []struct {
		name   string
		ask    func(h http.Handler) *httptest.ResponseRecorder
		asked  any // of the desk; nil is nothing
		status int
		shows  bool
	}{
		{"its number", func(h http.Handler) *httptest.ResponseRecorder { return get(t, h, "/receipt?number=42-7316", nil) }, paperAsked{"42-7316", 0}, 200, true},
		{"no number", func(h http.Handler) *httptest.ResponseRecorder { return get(t, h, "/receipt", nil) }, nil, 200, false},
		{"a badge in an address", func(h http.Handler) *httptest.ResponseRecorder { return get(t, h, "/receipt?code=013370", nil) }, nil, 200, false},
		{"a badge", func(h http.Handler) *httptest.ResponseRecorder {
			return typed(t, h, "/receipt", "same-origin", code(" 013370 "))
		}, paperAsked{"013370", 0}, 200, true},
		{"a badge in the query of a post", func(h http.Handler) *httptest.ResponseRecorder {
			return typed(t, h, "/receipt?code=013370", "same-origin", nil)
		}, nil, 404, false},
		{"an earlier one", func(h http.Handler) *httptest.ResponseRecorder {
			return typed(t, h, "/receipt", "same-origin", url.Values{"code": {"013370"}, "earlier": {"2"}})
		}, paperAsked{"013370", 2}, 200, true},
		{"one earlier than all", func(h http.Handler) *httptest.ResponseRecorder {
			return typed(t, h, "/receipt", "same-origin", url.Values{"code": {"013370"}, "earlier": {"999999"}})
		}, paperAsked{"013370", maxEarlier}, 200, true},
		{"a negative one", func(h http.Handler) *httptest.ResponseRecorder {
			return typed(t, h, "/receipt", "same-origin", url.Values{"code": {"013370"}, "earlier": {"-1"}})
		}, paperAsked{"013370", 0}, 200, true},
		{"nothing", func(h http.Handler) *httptest.ResponseRecorder {
			return typed(t, h, "/receipt", "same-origin", code(" "))
		}, nil, 404, false},
		{"too much", func(h http.Handler) *httptest.ResponseRecorder {
			return typed(t, h, "/receipt", "same-origin", code(strings.Repeat("1", maxAsked+1)))
		}, nil, 404, false},
		{"another page's post", func(h http.Handler) *httptest.ResponseRecorder {
			return typed(t, h, "/receipt", "cross-site", code("013370"))
		}, nil, 403, false},
	} {
		desk := &fakeDesk{receipt: aReceipt}
		w := c.ask(Board(desk, conf("en", "")))
		if got := desk.takeAsked(); got != c.asked || w.Code != c.status {
			t.Errorf("%s: %d, the desk was asked %+v; want %d, %+v", c.name, w.Code, got, c.status, c.asked)
		}
		if page := w.Body.String(); strings.Contains(page, "12 clips are safe") != c.shows || strings.Contains(page, "013370") {
			t.Errorf("%s: the page is %s", c.name, page)
		}
		if w.Header().Get("Content-Security-Policy") != policy || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: the headers are %v", c.name, w.Header())
		}
	}
}

// TestReceiptIsNotGuessed: after ten wrong tries in a minute nobody is answered,
// whatever they ask, until the minute is over.
func TestReceiptIsNotGuessed(t *testing.T) {
	now := time.Date(2026, 3, 1, 3, 2, 0, 0, time.UTC)
	desk := &fakeDesk{}
	b := newBoard(desk, func() configs.Config { return configs.Config{} })
	b.tries.now = func() time.Time { return now }
	h := b.handler()
	for i := range wrongTries {
		form := code(fmt.Sprint(i))
		if i%2 == 0 {
			form.Set("earlier", "1") // which finds out as much
		}
		if w := typed(t, h, "/receipt", "same-origin", form); w.Code != http.StatusNotFound {
			t.Fatalf("try %d: %d", i, w.Code)
		}
	}
	desk.takeAsked()
	desk.receipt = aReceipt
	over := typed(t, h, "/receipt", "same-origin", code("013370"))
	if number := get(t, h, "/receipt?number=42-7316", nil); over.Code != 429 || number.Code != 429 || desk.takeAsked() != nil {
		t.Errorf("one try too many: %d and %d, asked %v", over.Code, number.Code, desk.takeAsked())
	}
	if !strings.Contains(over.Body.String(), "Wait a minute.") {
		t.Errorf("it does not say what to do: %s", over.Body)
	}
	now = now.Add(wrongTime)
	if w := typed(t, h, "/receipt", "same-origin", code("013370")); w.Code != http.StatusOK {
		t.Errorf("a minute later: %d", w.Code)
	}
	desk.receipt = ingest.ReceiptView{}
	for range 2 {
		if w := typed(t, h, "/receipt", "same-origin", code("no-such-badge")); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "no-such") {
			t.Errorf("what was wrong a minute ago counts on, or is shown: %d", w.Code)
		}
	}
}

// TestReceiptThatCannotBe: the sheet says so, tells nothing of why, and can be used.
func TestReceiptThatCannotBe(t *testing.T) {
	w := typed(t, Board(&fakeDesk{err: errors.New("disk c017 on fire")}, conf("en", "")), "/receipt?lang=zh", "same-origin", code("1"))
	if page := w.Body.String(); w.Code != 503 || strings.Contains(page, "fire") || !strings.Contains(page, "本站暂时无法签发回执") || !strings.Contains(page, `id="code"`) {
		t.Errorf("%d %s", w.Code, page)
	}
}

func TestReceiptPageRunsNothingInline(t *testing.T) {
	evil := aReceipt
	evil.Bay, evil.Device = "<img src=x onerror=alert(1)>", "\u202e{{.}}"
	evil.Note = "custodock receipt v1\norigin <b>\u202e\n"
	for _, path := range []string{"/receipt", "/receipt?number=1"} {
		page := get(t, Board(&fakeDesk{receipt: evil}, conf("en", "")), path, nil).Body.String()
		if m := regexp.MustCompile(`(?i)<script(?:>| [^>]*>)[^<]|<style|\son[a-z]+=|\sstyle=|javascript:|<img|<b>`).FindString(strings.ReplaceAll(page, "&lt;img src=x onerror=", "")); m != "" {
			t.Errorf("%s: inline code: %q", path, m)
		}
		for _, file := range []string{"/receipt.css", "/receipt.js"} {
			if a := get(t, Board(&fakeDesk{}, conf("en", "")), file, nil); a.Code != 200 || a.Body.Len() == 0 || !strings.Contains(page, `"`+file+`"`) {
				t.Errorf("%s uses %s, which is %d bytes", path, file, a.Body.Len())
			}
		}
	}
}

// TestCodeIsWhatWasEncoded draws the path again, module by module.
func TestCodeIsWhatWasEncoded(t *testing.T) {
	want, err := qr.Encode(aReceipt.Note, qr.L, qr.Unicode)
	if err != nil {
		t.Fatal(err)
	}
	got, err := codeOf(aReceipt.Note)
	if err != nil {
		t.Fatal(err)
	}
	dark := map[[2]int]bool{}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllString(got.Path, -1) {
		var x, y, w, back int
		if _, err := fmt.Sscanf(m, "M%d %dh%dv1h-%dz", &x, &y, &w, &back); err != nil || w != back {
			t.Fatalf("%q: %v", m, err)
		}
		for i := range w {
			dark[[2]int{x + i, y}] = true
		}
	}
	for y := range got.Size {
		for x := range got.Size {
			inside := x >= 4 && y >= 4 && x < got.Size-4 && y < got.Size-4
			if is := inside && want.At(x-4, y-4) == color.Black; dark[[2]int{x, y}] != is {
				t.Fatalf("module %d, %d is dark: %v", x, y, !is)
			}
		}
	}
}

package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/ingest"
)

// get asks the board for a page by a loopback name.
func get(t *testing.T, h http.Handler, path string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Host = "localhost"
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// conf is a configuration with a language and a policy.
func conf(lang, policy string) func() configs.Config {
	return func() configs.Config { return configs.Config{Lang: lang, Policy: policy} }
}

func TestTilesSayWhatIsTrue(t *testing.T) {
	for _, c := range []struct {
		name     string
		bay      ingest.BayStatus
		class    string
		says     []string
		saysNot  []string
		noTaking bool
	}{
		{"scanning", ingest.BayStatus{State: ingest.BayScanning, Listed: 3}, "work",
			[]string{"DO NOT REMOVE", "looking for clips", "<progress"}, []string{"max=", "3 clips"}, true},
		{"copying", ingest.BayStatus{State: ingest.BayCopying, Listed: 40, Done: 12}, "work",
			[]string{"DO NOT REMOVE", "12 of 40 clips", `max="40" value="12"`, "Copying"}, nil, true},
		{"copied, not yet stored as the policy wants", ingest.BayStatus{State: ingest.BayCopying, Listed: 9, Done: 9, Stored: 2}, "work",
			[]string{"DO NOT REMOVE", "Storing", "central: 2 of 9", `max="9" value="2"`}, nil, true},
		{"done here, held for central storage", ingest.BayStatus{State: ingest.BayDone, Listed: 9, Done: 9, Stored: 2}, "work",
			[]string{"DO NOT REMOVE", "Storing", "central: 2 of 9"}, nil, true},
		{"done", ingest.BayStatus{State: ingest.BayDone, MayTake: true, Listed: 12, Done: 12, Stored: 8}, "free",
			[]string{"YOU MAY TAKE IT", "12 clips safe on this dock", "central: 8 of 12"}, []string{"remain"}, false},
		{"done and stored", ingest.BayStatus{State: ingest.BayDone, MayTake: true, Listed: 1, Done: 1, Stored: 1}, "free",
			[]string{"YOU MAY TAKE IT", "1 clip safe on this dock"}, []string{"central:"}, false},
		{"empty camera", ingest.BayStatus{State: ingest.BayDone, MayTake: true}, "free", []string{"YOU MAY TAKE IT", "No clips on it"}, nil, false},
		{"clips left over", ingest.BayStatus{State: ingest.BayError, MayTake: true, Listed: 30, Done: 27, Remaining: 3, Reason: "input/output error"}, "part",
			[]string{"YOU MAY TAKE IT", "3 clips remain on the camera", "input/output error", "Clips left over"}, []string{"safe on this dock"}, false},
		{"one left over although it says done", ingest.BayStatus{State: ingest.BayDone, MayTake: true, Listed: 2, Done: 1, Remaining: 1}, "part",
			[]string{"1 clip remains on the camera"}, []string{"safe on this dock"}, false},
		{"an error that holds the camera", ingest.BayStatus{State: ingest.BayError, Remaining: 2, Listed: 2, Reason: "disk full"}, "work",
			[]string{"DO NOT REMOVE", "disk full"}, nil, true},
		{"being erased", ingest.BayStatus{State: ingest.BayDone, MayTake: true, Listed: 3, Done: 3, Stored: 3, Erase: &ingest.EraseStatus{Busy: true, Erased: 1, Left: 2}}, "work",
			[]string{"A MOMENT", "Erasing", "1 file erased from it"}, []string{"YOU MAY TAKE IT", "DO NOT REMOVE", "stay on it"}, true},
		{"erased but one", ingest.BayStatus{State: ingest.BayDone, MayTake: true, Listed: 3, Done: 3, Stored: 3, Erase: &ingest.EraseStatus{Erased: 2, Left: 1, Reason: "protected"}}, "free",
			[]string{"YOU MAY TAKE IT", "3 clips safe on this dock", "2 files erased from it; 1 file stays on it: protected on the camera"}, []string{"keeps its clips"}, false},
		{"taken out", ingest.BayStatus{State: ingest.BayGone, Listed: 22, Done: 15, Remaining: 7, MayTake: true}, "gone",
			[]string{"TAKEN OUT TOO EARLY – PUT IT BACK", "7 clips are not safe yet", "Taken out too early"}, nil, true},
		{"a twin", ingest.BayStatus{State: ingest.BayHeld, Hold: ingest.HoldSame, Listed: 2, Reason: "bay b: raw"}, "held",
			[]string{"ASK YOUR ADMIN", "docked already", "Nothing is copied"}, []string{"raw", "DO NOT REMOVE", "<progress"}, true},
		{"a stranger", ingest.BayStatus{State: ingest.BayHeld, Hold: ingest.HoldUnknown, Listed: 2, Device: "c017", Port: "1-1.4"}, "held",
			[]string{"ASK YOUR ADMIN", "c017 · 1-1.4", "does not know this kind of camera"}, nil, true},
		{"drop folder", ingest.BayStatus{State: ingest.BayCopying, Drop: true, Listed: 90, Done: 88}, "drop",
			[]string{"RECEIVING", "88 of 90 clips", "Drop folder"}, []string{"DO NOT REMOVE", "WAITING"}, true},
		{"idle drop folder", ingest.BayStatus{State: ingest.BayScanning, Drop: true, Listed: 3, Done: 3, TotalBytes: 9, Bytes: 9}, "drop",
			[]string{"WAITING FOR FILES", "3 of 3 clips"}, []string{"RECEIVING", "looking for clips", "<progress"}, true},
		{"one long clip", ingest.BayStatus{State: ingest.BayCopying, Listed: 1, Bytes: 3_000_000, TotalBytes: 4_000_000}, "work",
			[]string{"DO NOT REMOVE", `max="4000000" value="3000000"`, "0 of 1 clips, 3.0 MB of 4.0 MB"}, nil, true},
		{"read again after a fault", ingest.BayStatus{State: ingest.BayCopying, Listed: 2, Done: 1, Bytes: 50, TotalBytes: 40}, "work",
			[]string{`max="40" value="40"`}, nil, true},
	} {
		desk := &fakeDesk{status: ingest.Status{Log: "dk3", Bays: []ingest.BayStatus{c.bay}}}
		page := get(t, Board(desk, conf("en", "")), "/", nil).Body.String()
		for _, want := range append(c.says, `class="tile `+c.class+`"`) {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q", c.name, want)
			}
		}
		not := c.saysNot
		if c.noTaking {
			not = append(not, "YOU MAY TAKE IT")
		}
		for _, bad := range not {
			if strings.Contains(page, bad) {
				t.Errorf("%s: the page says %q", c.name, bad)
			}
		}
	}
}

// Under policy dock nothing is erased, and the tile says so where a camera may go.
func TestTilesSayThatTheCameraKeepsItsClips(t *testing.T) {
	for _, c := range []struct {
		bay    ingest.BayStatus
		policy string
		want   bool
	}{
		{ingest.BayStatus{State: ingest.BayDone, MayTake: true, Listed: 1, Done: 1}, "dock", true},
		{ingest.BayStatus{State: ingest.BayDone, MayTake: true, Listed: 1, Done: 1}, "central", false},
		{ingest.BayStatus{State: ingest.BayDone, MayTake: true}, "dock", false},
		{ingest.BayStatus{State: ingest.BayError, MayTake: true, Listed: 2, Done: 1, Remaining: 1}, "dock", false},
		{ingest.BayStatus{State: ingest.BayCopying, Listed: 1}, "dock", false},
		{ingest.BayStatus{State: ingest.BayGone, Listed: 1}, "dock", false},
	} {
		desk := &fakeDesk{status: ingest.Status{Bays: []ingest.BayStatus{c.bay}}}
		page := get(t, Board(desk, conf("en", c.policy)), "/", nil).Body.String()
		if strings.Contains(page, "the camera keeps its clips") != c.want {
			t.Errorf("policy %s, %+v: want %v", c.policy, c.bay, c.want)
		}
	}
}

func TestBayText(t *testing.T) {
	for _, c := range []struct {
		bay  ingest.BayStatus
		want string
	}{
		{ingest.BayStatus{Drop: true, State: ingest.BayScanning}, "waiting for files"},
		{ingest.BayStatus{Drop: true, State: ingest.BayCopying, Listed: 1, Done: 1}, "receiving"},
		{ingest.BayStatus{State: ingest.BayScanning}, "Looking for clips"},
		{ingest.BayStatus{State: ingest.BayCopying, Listed: 2, Done: 1}, "Copying"},
		{ingest.BayStatus{State: ingest.BayCopying, Listed: 2, Done: 2}, "Storing"},
		{ingest.BayStatus{State: ingest.BayDone, Listed: 2, Done: 2}, "Storing"},
		{ingest.BayStatus{State: ingest.BayDone, Listed: 2, Done: 2, MayTake: true}, "Done"},
		{ingest.BayStatus{State: ingest.BayGone, Listed: 2, Done: 2}, "Removed"},
		{ingest.BayStatus{State: "\u202eodd"}, `\u202eodd`},
	} {
		if got := BayText(c.bay, "en"); got != c.want {
			t.Errorf("%+v: %q, want %q", c.bay, got, c.want)
		}
	}
}

func TestForeignBytesAreEscaped(t *testing.T) {
	evil := "<img src=x onerror=alert(1)>\u202e{{.}}\x1b[2J\xff\"'"
	desk := &fakeDesk{status: ingest.Status{
		Log: evil, Authority: evil,
		Bays:   []ingest.BayStatus{{Bay: evil, Device: evil, State: evil, Reason: evil, MayTake: true, Remaining: 1}, {State: ingest.BayGone, Reason: evil}},
		Queue:  []ingest.QueueStatus{{Store: evil, Error: evil}},
		Alarms: []ingest.Alarm{{Code: "unheard", Text: evil}, {Code: "store_full", Args: []string{evil}}},
	}}
	page := get(t, Board(desk, conf("zh", "")), "/?lang=zh", nil).Body.String()
	for _, bad := range []string{"<img", "\u202e", "\x1b", "\xff", "onerror=alert(1)>"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q reached the page", bad)
		}
	}
	if n := strings.Count(page, "&lt;img"); n < 8 {
		t.Errorf("the name shows only %d times", n)
	}
}

func TestPageRunsNothingInline(t *testing.T) {
	w := get(t, Board(&fakeDesk{}, conf("en", "")), "/", nil)
	if m := regexp.MustCompile(`(?i)<script(?:>| [^>]*>)[^<]|<style|\son[a-z]+=|\sstyle=|javascript:`).FindString(w.Body.String()); m != "" {
		t.Errorf("inline code: %q", m)
	}
	if !strings.Contains(w.Body.String(), `<noscript><meta http-equiv="refresh"`) {
		t.Error("the page stands still without JavaScript")
	}
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, want) || strings.Contains(csp, "unsafe") {
			t.Errorf("policy %q lacks %q", csp, want)
		}
	}
	if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("X-Content-Type-Options %q", got)
	}
	for _, path := range []string{"/board.css", "/board.js", "/icon.svg"} {
		a := get(t, Board(&fakeDesk{}, conf("en", "")), path, nil)
		if a.Code != http.StatusOK || a.Body.Len() == 0 || a.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d, %d bytes of %q", path, a.Code, a.Body.Len(), a.Header().Get("Content-Type"))
		}
		if !strings.Contains(w.Body.String(), `"`+path+`"`) {
			t.Errorf("the page does not use %s", path)
		}
	}
}

func TestOnlyLoopbackNames(t *testing.T) {
	s := httptest.NewServer(Board(&fakeDesk{}, conf("en", "")))
	defer s.Close()
	port := s.URL[strings.LastIndexByte(s.URL, ':'):]
	for host, want := range map[string]int{
		"localhost" + port: 200, "127.0.0.1" + port: 200, "[::1]" + port: 200,
		"localhost": 421, "localhost:1": 421, "evil.example" + port: 421, "127.0.0.1.evil.example" + port: 421,
		"localhost." + port: 421, "dock" + port: 421, "10.0.0.1" + port: 421,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Host %s: %d, want %d", host, resp.StatusCode, want)
		}
	}
}

func TestBoardOnlyShows(t *testing.T) {
	h := Board(&fakeDesk{}, conf("en", ""))
	for _, c := range []struct {
		method, site string
		want         int
	}{{"POST", "same-origin", 405}, {"DELETE", "same-origin", 405}, {"POST", "cross-site", 403}, {"GET", "cross-site", 200}} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, "/", strings.NewReader(""))
		r.Host = "localhost"
		r.Header.Set("Sec-Fetch-Site", c.site)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s from %s: %d, want %d", c.method, c.site, w.Code, c.want)
		}
	}
}

func TestBoardLanguage(t *testing.T) {
	for _, c := range []struct{ config, query, accept, want string }{
		{"en", "", "", "en"}, {"zh", "", "", "zh"}, {"en", "?lang=zh", "en-US", "zh"}, {"zh", "?lang=en", "zh-CN", "en"},
		{"en", "", "zh-CN,zh;q=0.9", "zh"}, {"zh", "", "fr", "zh"}, {"zh", "", "en-US,en;q=0.9", "zh"}, {"", "?lang=xx", "", "en"},
	} {
		page := get(t, Board(&fakeDesk{}, conf(c.config, "")), "/"+c.query, map[string]string{"Accept-Language": c.accept}).Body.String()
		big := map[string]string{"en": "Dock a camera", "zh": "请插入执法记录仪"}[c.want]
		if !strings.Contains(page, `<html lang="`+c.want+`">`) || !strings.Contains(page, big) {
			t.Errorf("config %q, query %q, Accept-Language %q: no %s page", c.config, c.query, c.accept, c.want)
		}
	}
}

func TestAlarmsSayWhatToDo(t *testing.T) {
	manual, err := os.ReadFile("../docs/operation.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range ingest.AlarmCodes() {
		for _, lang := range []string{"en", "zh"} {
			title, do := AlarmText(ingest.Alarm{Code: code, Args: []string{"one", "t\x1bwo", "three"}, Text: "raw"}, lang)
			rest := regexp.MustCompile(`\bone\b.*\bt\\x1bwo\b.*\bthree\b`)
			if !rest.MatchString(title) || strings.Contains(title, "%!") || len(do) < 20 {
				t.Errorf("%s in %s: %q, %q", code, lang, title, do)
			}
			if title, _ := AlarmText(ingest.Alarm{Code: code, Text: "raw"}, lang); strings.Contains(title, "%") {
				t.Errorf("%s in %s without what it speaks of: %q", code, lang, title)
			}
		}
		if !strings.Contains(string(manual), "\n| `"+code+"` |") {
			t.Errorf("docs/operation.md does not tell of %s", code)
		}
	}
	if title, _ := AlarmText(ingest.Alarm{Code: "late", Args: []string{"3", "dk3-42"}}, "en"); title != "3 clips are not in central storage in time, the oldest is dk3-42" {
		t.Errorf("late: %q", title)
	}
	desk := &fakeDesk{status: ingest.Status{Alarms: []ingest.Alarm{{Code: "disk_full"}, {Code: "stopped"}, {Code: "store_full"}, {Code: "x", Text: "odd thing"}}}}
	page := get(t, Board(desk, conf("en", "")), "/", nil).Body.String()
	if !strings.Contains(page, "The dock&#39;s disk is full") || !strings.Contains(page, "and 2 more alarms") {
		t.Error("alarms are not all accounted for")
	}
}

func TestGridHoldsEveryTile(t *testing.T) {
	for n := 1; n <= 30; n++ {
		var cols, rows int
		if _, err := fmt.Sscanf(gridFor(n), "g%dx%d", &cols, &rows); err != nil || cols*rows < n {
			t.Errorf("%d tiles on %s: %v", n, gridFor(n), err)
		}
		css := get(t, Board(&fakeDesk{}, conf("en", "")), "/board.css", nil).Body.String()
		if !strings.Contains(css, "."+gridFor(n)+" {") {
			t.Errorf("no style for %s", gridFor(n))
		}
	}
}

func TestAFailingDeskPromisesNothing(t *testing.T) {
	desk := &fakeDesk{err: errors.New("disk on fire"), status: ingest.Status{Bays: []ingest.BayStatus{{State: ingest.BayDone, MayTake: true}}}}
	w := get(t, Board(desk, conf("en", "")), "/", nil)
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "YOU MAY TAKE IT") ||
		!strings.Contains(w.Body.String(), "Leave the cameras where they are") {
		t.Errorf("%d %s", w.Code, w.Body.String())
	}
}

// stream opens the events and returns a function that reads the next one.
func stream(t *testing.T, url string, lastID string) (next func() map[string]string, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/events?lang=en", nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%s %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(resp.Body)
	next = func() map[string]string {
		event := map[string]string{}
		for lines.Scan() && lines.Text() != "" {
			k, v, _ := strings.Cut(lines.Text(), ":")
			event[k] += strings.TrimPrefix(v, " ")
		}
		return event
	}
	return next, func() { cancel(); _ = resp.Body.Close() }
}

func TestEventsFollowTheDock(t *testing.T) {
	desk := &fakeDesk{changed: make(chan struct{}), status: ingest.Status{Bays: []ingest.BayStatus{{State: ingest.BayCopying, Listed: 2, Done: 1}}}}
	s := httptest.NewServer(Board(desk, conf("en", "")))
	defer s.Close()
	next, end := stream(t, s.URL, "")
	first := next()
	if first["event"] != "dock" || !strings.Contains(first["data"], "DO NOT REMOVE") || first["id"] == "" {
		t.Fatalf("first event %v", first)
	}
	desk.set(ingest.Status{Bays: []ingest.BayStatus{{State: ingest.BayDone, MayTake: true, Listed: 2, Done: 2}}})
	desk.changed <- struct{}{}
	second := next()
	if !strings.Contains(second["data"], "YOU MAY TAKE IT") || second["id"] == first["id"] {
		t.Errorf("second event %v", second)
	}
	desk.changed <- struct{}{} // nothing that shows has changed
	if beat := next(); beat["event"] != "beat" {
		t.Errorf("third event %v, want a beat", beat)
	}
	end()
	next, end = stream(t, s.URL, second["id"])
	defer end()
	if again := next(); again["event"] != "beat" {
		t.Errorf("a screen that knows the state was sent %v", again)
	}
}

func TestEventsBeatWhenNothingHappens(t *testing.T) {
	desk := &fakeDesk{changed: make(chan struct{})}
	b := &board{desk: desk, conf: conf("en", ""), streams: make(chan struct{}, 1), beat: time.Millisecond}
	s := httptest.NewServer(http.HandlerFunc(b.events))
	defer s.Close()
	next, end := stream(t, s.URL, "")
	defer end()
	kinds := []string{next()["event"], next()["event"], next()["event"]}
	if want := []string{"dock", "beat", "beat"}; !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one screen too many got %s", resp.Status)
	}
	http.DefaultClient.CloseIdleConnections()
}

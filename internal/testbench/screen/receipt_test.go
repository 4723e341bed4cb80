package screen

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/browser"
)

const badge = "013370"

// safe is how the words of a receipt begin.
var safe = map[string]string{"en": "%d clips are safe on this dock", "zh": "%d 个片段已安全存于本采集站"}

// watched keeps what a page does after a minute, so that no test waits for it, and
// notes that it prints.
const watched = `const later = setTimeout;
	window.setTimeout = (f, ms) => { if (ms === 60000) window.minute = f; return later(f, ms) };
	window.print = () => { window.printed = true }`

func says(words string) string { return fmt.Sprintf("document.body.innerText.includes(%q)", words) }

// TestReceiptAtTheScreen: from a bay that lets its camera go one touch leads to the
// receipt and the next to paper; a badge or a number shows it again; from
// everywhere there is a way back.
func TestReceiptAtTheScreen(t *testing.T) {
	d := startDock(t)
	d.handed(badge, 2, 71)
	d.handed(badge, 5, 72)
	d.handed("24680", 3, 73)
	d.camera("bay-01", 4)
	for _, size := range screens {
		for _, lang := range []string{"en", "zh"} {
			t.Run(fmt.Sprintf("%s %dx%d", lang, size[0], size[1]), func(t *testing.T) {
				p := browser.Open(t, size[0], size[1])
				p.Before(watched)
				picture := func(name string) {
					comfortable(t, p, name)
					keep(t, fmt.Sprintf("%s-%s-%d.png", name, lang, size[0]), p.Picture())
				}
				number := byTouch(t, d, p, lang, picture)
				byBadge(t, d, p, lang, picture)
				byNumber(t, d, p, lang, number)
				refused(t, d, p, lang, picture)
			})
		}
	}
}

func byTouch(t *testing.T, d *dock, p *browser.Page, lang string, picture func(string)) (number string) {
	t.Helper()
	d.at(p, lang)
	p.Await("document.querySelector('.tile.free a.paper')")
	picture("board")
	p.Touch(".tile.free .big") // anywhere on it
	p.Await(says(fmt.Sprintf(safe[lang], 4)))
	picture("receipt")
	var note string
	p.Eval("document.querySelector('.proof pre').textContent", &note)
	checked(t, d, note)
	keep(t, "paper-80mm-"+lang+".pdf", printed(t, p, 80, 200))
	keep(t, "paper-A4-"+lang+".pdf", printed(t, p, 210, 297))
	p.Touch("[data-do=print]")
	p.Await("window.printed")
	p.Eval("document.querySelector('.number strong').textContent", &number)
	p.Touch(".back")
	p.Await("document.querySelector('.tile.free')")
	return number
}

// checked has the text of a receipt verified as a file.
func checked(t *testing.T, d *dock, note string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "receipt.txt")
	if err := os.WriteFile(file, []byte(note), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := testbench.Run(t, d.bin, d.args("verify", file)...); r.Code != 0 {
		t.Errorf("verify the receipt: %d %s%s of\n%s", r.Code, r.Stdout, r.Stderr, note)
	}
}

// printed is the receipt on paper, which takes one sheet.
func printed(t *testing.T, p *browser.Page, width, height float64) []byte {
	t.Helper()
	pdf := p.Print(width, height)
	sheets := regexp.MustCompile(`/Type\s*/Page\b`).FindAll(pdf, -1)
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) || len(sheets) != 1 {
		t.Errorf("on paper of %v x %v mm it takes %d sheets", width, height, len(sheets))
	}
	return pdf
}

func byBadge(t *testing.T, d *dock, p *browser.Page, lang string, picture func(string)) {
	t.Helper()
	p.Touch("a.again")
	p.Await("document.activeElement.id === 'code'")
	picture("ask")
	p.Scan(badge)
	p.Await(says(fmt.Sprintf(safe[lang], 5)))
	picture("receipt-badge")
	p.Touch("[data-do=show]")
	p.Await(says(fmt.Sprintf(safe[lang], 2)))
	var page string
	p.Eval("location.href + document.documentElement.outerHTML", &page)
	for _, secret := range []string{badge, "Li Lei"} {
		if strings.Contains(page, secret) {
			t.Errorf("the page or its address tells %q", secret)
		}
	}
	p.Touch("[data-do=show]") // there is none before
	p.Await("document.querySelector('.sorry')")
	p.Await("document.activeElement.id === 'code'")
	p.Eval("minute(); 0", nil) // it goes back by itself
	p.Await("document.querySelector('.tile.free')")
}

func byNumber(t *testing.T, d *dock, p *browser.Page, lang, number string) {
	t.Helper()
	d.at(p, lang)
	p.Touch("a.again")
	p.Touch("[data-key='Q']")
	p.Touch("[data-do=erase]")
	for _, key := range number {
		p.Touch(fmt.Sprintf("[data-key='%c']", key))
	}
	p.Touch("[data-do=show]")
	p.Await(says(fmt.Sprintf(safe[lang], 4)))
	p.Touch(".lang")
	p.Await(says(fmt.Sprintf(safe[map[string]string{"en": "zh", "zh": "en"}[lang]], 4)))
}

func refused(t *testing.T, d *dock, p *browser.Page, lang string, picture func(string)) {
	t.Helper()
	d.at(p, lang)
	p.Touch("a.again")
	p.Await("document.activeElement.id === 'code'")
	p.Scan("999999")
	p.Await("document.querySelector('.sorry')")
	picture("sorry")
	p.Touch("[data-key='1']")
	p.Await("document.querySelector('#code').value === '1'")
	p.Touch(".back")
	p.Await("document.querySelector('.tile.free')")
}

// restless is a board that has news whenever a finger comes down, and no other once
// it has been drawn: what the daemon sends meanwhile would take their place.
const restless = `window.EventSource = class extends EventSource {
		constructor(at) {
			super(at);
			this.addEventListener('dock', event => {
				if (window.stream && event.isTrusted) event.stopImmediatePropagation();
				window.stream = this;
			});
		}
	};
	addEventListener('load', () => addEventListener('pointerdown', () => { // behind what the page does then
		const data = document.getElementById('dock').innerHTML + '<i id=news></i>';
		stream.dispatchEvent(new MessageEvent('dock', { data }));
		sessionStorage.setItem('news', 'came');
	}))`

// drawn is a board that has been sent whole and listens to fingers.
const drawn = "document.readyState === 'complete' && window.stream && document.querySelector('.tile.free a.paper')"

// TestTouchIsNotLost: news under a finger wait until it is lifted, and no longer
// than a moment.
func TestTouchIsNotLost(t *testing.T) {
	d := startDock(t)
	d.camera("bay-01", 2)
	p := browser.Open(t, 800, 600)
	p.Before(restless)
	d.at(p, "en")
	p.Await(drawn)
	p.Touch(".tile.free .big")
	p.Await(says(fmt.Sprintf(safe["en"], 2)))
	p.Await("sessionStorage.getItem('news') === 'came'")

	d.at(p, "en")
	p.Await(drawn)
	p.TouchAt(320, 20) // the heading, which leads nowhere
	p.Await("document.getElementById('news')")
}

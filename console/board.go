package console

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

//go:embed board
var boardFiles embed.FS

// templates has one set a language, because html/template must know its
// functions when it parses.
var templates = map[string]*template.Template{
	message.English: parseBoard(message.English),
	message.Chinese: parseBoard(message.Chinese),
}

func parseBoard(lang string) *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"t": func(key string, args ...any) string { return message.T(lang, key, args...) },
		"n": func(key string, n int, args ...any) string { return message.N(lang, key, n, args...) },
	}).ParseFS(boardFiles, "board/*.html"))
}

// policy lets the page load its own style and script, speak to its own origin
// and nothing else: whatever a camera's name smuggles in cannot run.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Screen is what the board asks of a dock. Nobody says who they are before it, so
// it has no call by which to look for the past of a bay or a camera.
type Screen interface {
	// Status is the dock at this moment.
	Status(ctx context.Context) (ingest.Status, error)
	// Changed returns when something changed since it last returned, or with the
	// context's error.
	Changed(ctx context.Context) error
	// ReceiptAgain signs what is true now of the docking that a receipt's number
	// or a collector's badge names; ingest.ErrNoDocking when there is none.
	ReceiptAgain(ctx context.Context, code string, earlier int) (ingest.ReceiptView, error)
}

type board struct {
	desk    Screen
	conf    func() configs.Config // in force: its language, and what a tile may promise about the camera
	streams chan struct{}         // one token an open event stream
	beat    time.Duration
	papers  chan struct{} // a token for the receipt that is made
	rest    time.Duration // without a touch, before a receipt gives way
	tries   tries
}

// Board is the page of the duty room's screen. It only shows, and signs receipts
// of what it shows; it answers on loopback names alone. The language is ?lang=, else Chinese where the
// configuration says so, else what the browser asks for.
func Board(desk Screen, conf func() configs.Config) http.Handler {
	return newBoard(desk, conf).handler()
}

func newBoard(desk Screen, conf func() configs.Config) *board {
	return &board{
		desk: desk, conf: conf, streams: make(chan struct{}, maxStreams), beat: heartbeat,
		papers: make(chan struct{}, 1), rest: restTime, tries: tries{now: time.Now},
	}
}

func (b *board) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", b.page)
	m.HandleFunc("GET /events", b.events)
	m.HandleFunc("GET /receipt", b.receipt)
	m.HandleFunc("POST /receipt", b.again)
	m.HandleFunc("GET /board.css", asset("board/board.css", "text/css; charset=utf-8"))
	m.HandleFunc("GET /board.js", asset("board/board.js", "text/javascript; charset=utf-8"))
	m.HandleFunc("GET /receipt.css", asset("board/receipt.css", "text/css; charset=utf-8"))
	m.HandleFunc("GET /receipt.js", asset("board/receipt.js", "text/javascript; charset=utf-8"))
	m.HandleFunc("GET /icon.svg", asset("board/icon.svg", "image/svg+xml"))
	return harden(http.NewCrossOriginProtection().Handler(m))
}

// harden refuses every name but loopback's, so that no web page can reach the
// board by rebinding its own name, and sets the headers of every answer.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !loopbackHost(r) {
			http.Error(w, "this page is for the dock's own screen", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopbackHost wants one of loopback's names and, where it is known, exactly
// the port that was asked.
func loopbackHost(r *http.Request) bool {
	name, port := r.Host, "80"
	if h, p, err := net.SplitHostPort(r.Host); err == nil {
		name, port = h, p
	}
	switch name {
	case "localhost", "127.0.0.1", "::1", "[::1]":
	default:
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true
	}
	_, want, err := net.SplitHostPort(local.String())
	return err != nil || port == want
}

func asset(name, kind string) http.HandlerFunc {
	content, err := boardFiles.ReadFile(name)
	if err != nil {
		panic(err) // the file is embedded above
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(content)
	}
}

func (b *board) language(r *http.Request) string {
	switch asked := r.URL.Query().Get("lang"); asked {
	case message.English, message.Chinese:
		return asked
	}
	if b.conf().Lang == message.Chinese {
		return message.Chinese // somebody chose it; a kiosk's browser asks for English whoever stands before it
	}
	if lang := message.Accept(r.Header.Get("Accept-Language")); lang != "" {
		return lang
	}
	return message.English
}

// pageView is the page around the dock.
type pageView struct {
	Lang, Other string
	Events      string
	Dock        template.HTML // rendered by the same templates
}

func (b *board) page(w http.ResponseWriter, r *http.Request) {
	lang := b.language(r)
	dock, err := b.dock(r, lang)
	status := http.StatusOK
	if err != nil {
		status = http.StatusServiceUnavailable
	}
	other := message.Chinese
	if lang == message.Chinese {
		other = message.English
	}
	view := pageView{Lang: lang, Other: other, Events: "/events?lang=" + url.QueryEscape(lang), Dock: template.HTML(dock)}
	var page bytes.Buffer
	if err := templates[lang].ExecuteTemplate(&page, "page.html", view); err != nil {
		http.Error(w, "the page cannot be drawn", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}

// dock renders the part that changes. With an error it is still drawn, and
// says that nothing is known, because an old "you may take it" would be a lie.
func (b *board) dock(r *http.Request, lang string) ([]byte, error) {
	s, err := b.desk.Status(r.Context())
	view := &dockView{Lost: true}
	if err == nil {
		view = viewOf(s, lang, b.conf().Policy)
	}
	var out bytes.Buffer
	if failed := templates[lang].ExecuteTemplate(&out, "dock.html", view); failed != nil {
		return nil, failed
	}
	return out.Bytes(), err
}

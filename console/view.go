package console

import (
	"fmt"
	"strings"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

// The board spells out two alarms, and one where many tiles need the room.
const (
	maxAlarms = 2
	manyTiles = 6
)

// dockView is what the board draws, with every word chosen and every foreign
// byte made printable; html/template does the rest of the escaping.
type dockView struct {
	Lang           string
	Lost           bool
	Log, Authority string
	Size           int64
	Grid           string // CSS class for the number of tiles
	Tiles          []tileView
	Working, Ready int
	Alarms         []alarmView
	MoreAlarms     int
	Queue          []queueView
}

type tileView struct {
	Class       string // work, free, part, gone, held or drop
	Bay, Device string
	State       string
	Big         string
	Lines       []string
	Keeps       string // that its clips stay on it
	Bar         bool
	Listing     bool  // the total still grows: a bar would promise too much
	Done, Total int64 // of the bar: bytes, or clips
	Count       string
	Receipt     string // its number, where the camera may be taken
}

type alarmView struct{ Title, Do string }

type queueView struct {
	Name, Text, Error string
	Waiting           bool
}

func viewOf(s ingest.Status, lang, policy string) *dockView {
	v := &dockView{Lang: lang, Log: message.Line(s.Log), Authority: message.Line(s.Authority), Size: s.Size, Grid: gridFor(len(s.Bays))}
	for _, b := range s.Bays {
		t := tileOf(b, lang)
		if policy == configs.PolicyDock && t.Class == "free" && b.Listed > 0 && b.Erase == nil {
			t.Keeps = message.T(lang, "board.keeps")
		}
		switch t.Class {
		case "work":
			v.Working++
		case "free", "part":
			v.Ready++
			if b.Listed > 0 {
				t.Receipt = b.Receipt
			}
		}
		v.Tiles = append(v.Tiles, t)
	}
	limit := maxAlarms
	if len(s.Bays) > manyTiles {
		limit = 1
	}
	for i, a := range s.Alarms {
		if i == limit {
			v.MoreAlarms = len(s.Alarms) - i
			break
		}
		title, do := AlarmText(a, lang)
		v.Alarms = append(v.Alarms, alarmView{title, do})
	}
	for _, q := range s.Queue {
		text := message.T(lang, "board.queue.empty")
		if q.Clips > 0 {
			text = message.N(lang, "board.queue", q.Clips, message.Size(q.Bytes))
		}
		v.Queue = append(v.Queue, queueView{Name: message.Line(q.Store), Text: text, Error: message.Line(q.Error), Waiting: q.Clips > 0})
	}
	return v
}

// AlarmText says in a language what is wrong and what to do. What the alarm
// speaks of stands in the sentence where that has room for it, else behind it.
// An alarm whose code has no message says what the dock said.
func AlarmText(a ingest.Alarm, lang string) (title, do string) {
	if !message.Has("alarm." + a.Code) {
		return message.Line(a.Text), ""
	}
	title, do = message.T(lang, "alarm."+a.Code), message.T(lang, "alarm."+a.Code+".do")
	room := strings.Count(title, "%s")
	if room > len(a.Args) {
		return message.Line(a.Text), do
	}
	inside := make([]any, room)
	for i := range inside {
		inside[i] = message.Line(a.Args[i])
	}
	title = fmt.Sprintf(title, inside...)
	if rest := a.Args[room:]; len(rest) > 0 {
		title += message.T(lang, "colon") + message.Line(strings.Join(rest, ", "))
	}
	return title, do
}

// gridFor chooses rows and columns that fill 4:3 without scrolling.
func gridFor(n int) string {
	for _, g := range []struct {
		upTo int
		name string
	}{{1, "g1x1"}, {2, "g2x1"}, {4, "g2x2"}, {6, "g3x2"}, {9, "g3x3"}, {12, "g4x3"}, {16, "g4x4"}, {20, "g5x4"}} {
		if n <= g.upTo {
			return g.name
		}
	}
	return "g6x5"
}

// storing reports whether a camera was read whole and stays for the stores'
// sake alone.
func storing(b ingest.BayStatus) bool {
	return !b.Drop && !b.MayTake && b.State != ingest.BayGone && b.State != ingest.BayHeld && b.State != ingest.BayHangs &&
		b.State != ingest.BayScanning &&
		(b.State == ingest.BayDone || b.Listed > 0 && b.Done == b.Listed)
}

// BayText is the state of a bay in a word or two.
func BayText(b ingest.BayStatus, lang string) string {
	switch {
	case b.Drop && b.State == ingest.BayScanning:
		return message.T(lang, "bay.idle")
	case b.Drop && b.State == ingest.BayCopying:
		return message.T(lang, "bay.receiving")
	case storing(b):
		return message.T(lang, "bay.storing")
	case message.Has("bay." + b.State):
		return message.T(lang, "bay."+b.State)
	}
	return message.Line(b.State)
}

func tileOf(b ingest.BayStatus, lang string) tileView {
	t := tileView{
		Bay: message.Line(b.Bay), Device: message.Line(b.Device), State: BayText(b, lang),
		Done: int64(b.Done), Total: int64(b.Listed), Count: message.T(lang, "board.count", b.Done, b.Listed),
		Listing: b.State == ingest.BayScanning,
	}
	if b.Port != "" {
		t.Device = strings.TrimPrefix(t.Device+" · "+message.Line(b.Port), " · ")
	}
	if b.TotalBytes > 0 {
		// Clips are long: counted alone, a bar would stand still for minutes.
		t.Done, t.Total = min(b.Bytes, b.TotalBytes), b.TotalBytes
		t.Count = message.T(lang, "board.bytes", b.Done, b.Listed, message.Size(t.Done), message.Size(t.Total))
	}
	t.speak(b, lang)
	if b.State == ingest.BayHeld {
		return t // what else is known of it helps nobody
	}
	if t.Listing && t.Class == "work" {
		t.Count = message.T(lang, "board.listing")
		t.State = message.T(lang, "bay."+b.State)
	}
	if b.Reason != "" {
		t.Lines = append(t.Lines, message.Line(b.Reason))
	}
	if words := ErasingText(b, lang); words != "" {
		t.Lines = append(t.Lines, words)
	}
	return t
}

// speak sets what a tile says from afar: its colour, its large words and what
// belongs to them.
func (t *tileView) speak(b ingest.BayStatus, lang string) {
	switch {
	case b.Drop:
		t.Class, t.Big = "drop", message.T(lang, "board.drop.big")
		if b.State == ingest.BayScanning {
			t.Big = message.T(lang, "board.drop.idle")
		}
		t.State = message.T(lang, "board.drop")
		t.Count = message.T(lang, "board.count", b.Done, b.Listed)
	case b.State == ingest.BayGone:
		t.Class, t.Big = "gone", message.T(lang, "board.gone")
		t.Count = message.T(lang, "board.count", b.Done, b.Listed)
		t.State = message.T(lang, "board.early")
		t.Lines = append(t.Lines, putBack(b, lang))
	case b.State == ingest.BayHeld:
		t.Class, t.Big = "held", message.T(lang, "board.held")
		if message.Has("hold." + b.Hold) {
			t.Lines = append(t.Lines, message.T(lang, "hold."+b.Hold))
		}
		t.Lines = append(t.Lines, message.T(lang, "board.held.none"))
	case b.State == ingest.BayHangs:
		t.Class, t.Big = "gone", message.T(lang, "board.hangs")
		t.Count = message.T(lang, "board.count", b.Done, b.Listed)
		t.State = message.T(lang, "bay.hangs")
		t.Lines = append(t.Lines, putBack(b, lang))
	case b.Erase != nil && b.Erase.Busy:
		t.Class, t.Big, t.State = "work", message.T(lang, "board.moment"), message.T(lang, "bay.erasing")
	case !b.MayTake:
		t.Class, t.Big, t.Bar = "work", message.T(lang, "board.remove"), true
		if storing(b) {
			t.Done, t.Total = int64(b.Stored), int64(b.Listed)
			t.Count = message.T(lang, "board.stored", b.Stored, b.Listed)
		}
	case b.Remaining > 0 || b.State == ingest.BayError:
		t.Class, t.Big = "part", message.T(lang, "board.take")
		t.Lines = append(t.Lines, message.N(lang, "board.remain", b.Remaining))
		t.State = message.T(lang, "bay."+ingest.BayError)
	default:
		t.Class, t.Big = "free", message.T(lang, "board.take")
		t.Lines = append(t.Lines, safeLines(b, lang)...)
	}
}

// ErasingText says how far the erasing of a camera is, and why files stay; ""
// where nothing is erased.
func ErasingText(b ingest.BayStatus, lang string) string {
	if b.Erase == nil {
		return ""
	}
	var words []string
	if b.Erase.Erased > 0 || b.Erase.Left == 0 {
		words = append(words, message.N(lang, "erase.gone", b.Erase.Erased))
	}
	if b.Erase.Left > 0 && !b.Erase.Busy {
		words = append(words, message.N(lang, "erase.left", b.Erase.Left, EraseText(b.Erase.Reason, lang)))
	}
	return strings.Join(words, message.T(lang, "erase.and"))
}

// EraseText is the reason for which files stay on a camera.
func EraseText(reason, lang string) string {
	if key := "erase.why." + reason; message.Has(key) {
		return message.T(lang, key)
	}
	return message.Line(reason)
}

func putBack(b ingest.BayStatus, lang string) string {
	if b.Remaining == 0 {
		return message.T(lang, "board.putback.none")
	}
	return message.N(lang, "board.putback", b.Remaining)
}

func safeLines(b ingest.BayStatus, lang string) []string {
	if b.Listed == 0 {
		return []string{message.T(lang, "board.none")}
	}
	lines := []string{message.N(lang, "board.safe", b.Done)}
	if b.Stored < b.Listed {
		lines = append(lines, message.T(lang, "board.stored", b.Stored, b.Listed))
	}
	return lines
}

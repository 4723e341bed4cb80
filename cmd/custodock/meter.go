package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

const (
	// rateSpan is over how long a rate is averaged; a bus that stalls shows
	// within it.
	rateSpan = 5 * time.Second
	barWidth = 20
)

// meter is the line at the bottom of a terminal. It is silent elsewhere.
// Reading and storing are two stages with their own hundred per cent, so the
// bar never stands still just before its end.
type meter struct {
	a       *app
	columns int // 0: no terminal
	shown   bool
	samples []sample
}

// sample is how much of the present stage was done when.
type sample struct {
	at      time.Time
	bytes   int64
	storing bool
}

func newMeter(a *app, columns int) *meter { return &meter{a: a, columns: columns} }

func (m *meter) show(p ingest.Progress) {
	if m.columns == 0 {
		return
	}
	line := runewidth.Truncate(m.line(p), m.columns-1, "…")
	_, _ = fmt.Fprint(m.a.err, "\r\x1b[K"+line)
	m.shown = true
}

// clear makes room for a line of its own.
func (m *meter) clear() {
	if m.shown {
		_, _ = fmt.Fprint(m.a.err, "\r\x1b[K")
		m.shown = false
	}
}

// line words a progress; it also remembers it for the rate.
func (m *meter) line(p ingest.Progress) string {
	if p.Listing {
		return m.a.say("ingest.listing", p.Files)
	}
	key, done := "ingest.reading", p.ReadBytes
	storing := p.ReadBytes >= p.TotalBytes
	if storing {
		key, done = "ingest.storing", p.StoredBytes
	}
	if storing && done >= p.TotalBytes {
		return m.a.say("ingest.finished")
	}
	percent := int(100 * float64(done) / float64(p.TotalBytes))
	line := bar(percent) + " " + m.a.say(key, percent, message.Size(done), message.Size(p.TotalBytes))
	rate := m.rate(done, storing)
	switch {
	case rate < 0:
		return line
	case rate == 0:
		return line + ", " + m.a.say("ingest.waiting")
	}
	left := time.Duration(float64(p.TotalBytes-done) / rate * float64(time.Second))
	return line + ", " + m.a.say("ingest.rate", message.Size(int64(rate))) + ", " + m.a.say("ingest.left", shortTime(left))
}

// rate is in bytes a second over the last rateSpan of this stage, negative
// while too little was seen to say.
func (m *meter) rate(done int64, storing bool) float64 {
	now := m.a.now()
	if n := len(m.samples); n > 0 && m.samples[n-1].storing != storing {
		m.samples = nil
	}
	m.samples = append(m.samples, sample{now, done, storing})
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) >= rateSpan {
		m.samples = m.samples[1:]
	}
	first := m.samples[0]
	if span := now.Sub(first.at); span >= time.Second {
		return float64(done-first.bytes) / span.Seconds()
	}
	return -1
}

func bar(percent int) string {
	full := min(barWidth, max(0, percent*barWidth/100))
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", barWidth-full) + "]"
}

// shortTime writes a duration in its one or two largest units.
func shortTime(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

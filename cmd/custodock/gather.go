package main

import (
	"io"
	"time"
)

const (
	gatherBytes = 64 << 10
	// gatherTime is how soon after a line the next one waits for others: a
	// clip a second is told at once, a hundred thousand are told together.
	gatherTime = 100 * time.Millisecond
)

// gatherer writes many short lines at once, since each write costs more than
// the line.
type gatherer struct {
	to    io.Writer
	now   func() time.Time
	lines []byte
	at    time.Time // of the last write
}

// Write implements io.Writer; the error may be that of an earlier line.
func (g *gatherer) Write(b []byte) (int, error) {
	g.lines = append(g.lines, b...)
	if now := g.now(); len(g.lines) >= gatherBytes || now.Sub(g.at) >= gatherTime {
		if err := g.flush(); err != nil {
			return 0, err
		}
		g.at = now
	}
	return len(b), nil
}

// flush writes what was gathered; who writes calls it last.
func (g *gatherer) flush() error {
	if len(g.lines) == 0 {
		return nil
	}
	_, err := g.to.Write(g.lines)
	g.lines = g.lines[:0]
	return err
}

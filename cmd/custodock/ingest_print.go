package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

// ingestPrinter tells what becomes of each file. Its methods may be called
// from the goroutines of several folders.
type ingestPrinter struct {
	a *app

	mu       sync.Mutex
	meter    *meter
	progress []ingest.Progress // of each folder
	sum      ingest.Summary
	done     int // folders that came to an end
	errs     []error
	writeErr error // the first that could not be told
}

func (a *app) newIngestPrinter(folders int) *ingestPrinter {
	p := &ingestPrinter{a: a, progress: make([]ingest.Progress, folders)}
	columns := width(a.err)
	if a.flags.quiet {
		columns = 0
	}
	p.meter = newMeter(a, columns)
	return p
}

func (p *ingestPrinter) event(folder int, e ingest.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Progress != nil {
		p.progress[folder] = *e.Progress
		p.meter.show(p.total())
	}
	if e.File != nil {
		p.meter.clear()
		p.keep(p.file(*e.File))
	}
}

func (p *ingestPrinter) keep(err error) {
	if p.writeErr == nil {
		p.writeErr = err
	}
}

func (p *ingestPrinter) total() ingest.Progress {
	var t ingest.Progress
	for _, f := range p.progress {
		t.Listing = t.Listing || f.Listing
		t.Files += f.Files
		t.FilesDone += f.FilesDone
		t.TotalBytes += f.TotalBytes
		t.ReadBytes += f.ReadBytes
		t.StoredBytes += f.StoredBytes
	}
	return t
}

func (p *ingestPrinter) file(f ingest.FileResult) error {
	if p.a.flags.json {
		return p.a.printJSON(f)
	}
	if p.a.flags.quiet && f.Error == "" {
		return nil
	}
	clip := f.Clip
	if clip == "" {
		clip = "-"
	}
	path := f.Path
	if f.PathHex != "" {
		path = "hex:" + f.PathHex
	}
	line := fmt.Sprintf("%s  %s  %9s  %s", runewidth.FillRight(p.a.say("state."+f.State), 8),
		runewidth.FillRight(clip, 12), message.Size(f.Size), message.Safe(path))
	if f.Error != "" {
		line += ": " + message.Line(f.Error)
	}
	_, err := fmt.Fprintln(p.a.out, line)
	return err
}

func (p *ingestPrinter) ended(folder int, sum ingest.Summary, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress[folder].Listing = false
	p.sum.Files += sum.Files
	p.sum.Bytes += sum.Bytes
	p.sum.Stored += sum.Stored
	p.sum.Known += sum.Known
	p.sum.Recorded += sum.Recorded
	p.sum.Unstable += sum.Unstable
	p.sum.Failed += sum.Failed
	p.sum.Skipped += sum.Skipped
	if err != nil {
		p.errs = append(p.errs, err)
		return
	}
	p.done++
}

// finish writes the summary and says how the whole of it went: partly done
// when one folder failed and another did not.
func (p *ingestPrinter) finish(took time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.meter.clear()
	p.sum.Seconds = took.Round(time.Millisecond).Seconds()
	p.keep(p.summary(took))
	cause := errors.Join(p.errs...)
	switch {
	case p.writeErr != nil:
		return errors.Join(p.writeErr, cause)
	case cause != nil && p.done == 0:
		return cause
	case cause != nil:
		_, _ = fmt.Fprintln(p.a.err, "custodock: "+explain(cause, p.a.lang))
		return errPartly
	case p.sum.Partly():
		return errPartly
	}
	return nil
}

func (p *ingestPrinter) summary(took time.Duration) error {
	if p.a.flags.json {
		return p.a.printJSON(map[string]ingest.Summary{"summary": p.sum})
	}
	s := p.sum
	return p.a.println(p.a.sayN("ingest.summary", s.Files, message.Size(s.Bytes), s.Stored, s.Known, s.Recorded,
		s.Unstable, s.Failed, s.Skipped, shortTime(took)))
}

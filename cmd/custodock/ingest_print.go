package main

import (
	"errors"
	"fmt"
	"slices"
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

	mu        sync.Mutex
	meter     *meter
	progress  []ingest.Progress // of each folder
	told      []ingest.Summary  // of each folder, by the files told so far
	reasons   []string          // why clips are on this dock only, each once
	sum       ingest.Summary
	done      int // folders that came to an end
	unreached int // files of folders that did not
	errs      []error
	writeErr  error // the first that could not be told
}

func (a *app) newIngestPrinter(folders int) *ingestPrinter {
	p := &ingestPrinter{a: a, progress: make([]ingest.Progress, folders), told: make([]ingest.Summary, folders)}
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
		p.count(&p.told[folder], *e.File)
		p.keep(p.file(*e.File))
	}
}

// count adds a file to what was told of its folder.
func (p *ingestPrinter) count(s *ingest.Summary, f ingest.FileResult) {
	switch f.State {
	case ingest.StateStored:
		s.Stored++
	case ingest.StateKnown:
		s.Known++
	case ingest.StateRecorded:
		s.Recorded++
		if why := message.Line(f.Error); why != "" && !slices.Contains(p.reasons, why) {
			p.reasons = append(p.reasons, why)
		}
	case ingest.StateUnstable:
		s.Unstable++
	default:
		s.Failed++
	}
}

func settled(s ingest.Summary) int { return s.Stored + s.Known + s.Recorded + s.Unstable + s.Failed }

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
	if f.Error != "" && f.State != ingest.StateRecorded { // whose reason the summary tells
		line += ": " + message.Line(f.Error)
	}
	_, err := fmt.Fprintln(p.a.out, line)
	return err
}

func (p *ingestPrinter) ended(folder int, sum ingest.Summary, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.progress[folder]
	p.progress[folder].Listing = false
	if err != nil && sum.Files == 0 && seen.Files > 0 {
		// The daemon was left before it could sum up.
		sum = p.told[folder]
		sum.Files, sum.Bytes = seen.Files, seen.TotalBytes
	}
	p.unreached += max(0, sum.Files-settled(sum))
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
	if len(p.errs) > 0 && p.done == 0 && s.Files+s.Skipped == 0 {
		return nil // nothing was taken in: the error says it all
	}
	errs := []error{p.a.println(p.a.sayN("ingest.summary", s.Files, message.Size(s.Bytes), s.Stored, s.Known, s.Recorded,
		s.Unstable, s.Failed, s.Skipped, shortTime(took)))}
	for _, why := range p.reasons {
		_, err := fmt.Fprintln(p.a.out, p.a.say("ingest.recorded", why))
		errs = append(errs, err)
	}
	if p.unreached > 0 {
		_, err := fmt.Fprintln(p.a.out, p.a.sayN("ingest.unreached", p.unreached))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/verify"
)

// verifyPrinter tells the result of each clip once, however many stores were
// read: the worst that any of them gave.
type verifyPrinter struct {
	a     *app
	order []string // of the results, each by clip and digest
	worst map[string]verify.Result
	drawn bool      // a progress line stands on the terminal
	known []string  // logs that are verified as well
	note  *progress // how far the check is, nil when nobody wants to know
	named bool      // clips or files were, and each is told of in full
}

func (a *app) newVerifyPrinter() *verifyPrinter {
	return &verifyPrinter{a: a, worst: map[string]verify.Result{}}
}

// severity ranks results; what is unknown here is as bad as can be.
func severity(result string) int {
	order := []string{verify.OK, verify.RecordErased, verify.Disposed, verify.Omitted, verify.Missing, verify.Mismatch}
	if i := slices.Index(order, result); i >= 0 {
		return i
	}
	return len(order)
}

func (p *verifyPrinter) run(ctx context.Context, stores []verify.Options, c verifyCall) (err error) {
	lines := p.gather()
	defer func() {
		if flushed := lines.flush(); err == nil {
			err = flushed
		}
	}()
	var total verify.Report
	var bad error
	for i, o := range stores {
		each := p.print
		if len(stores) > 1 {
			each = p.collect
		}
		o.Progress = p.progress()
		report, err := p.goOn(ctx, o, c, each)
		p.clear()
		if err != nil && !provedOtherwise(err) {
			return err
		}
		bad = errors.Join(bad, err)
		for j := range report.Problems {
			if len(stores) > 1 {
				report.Problems[j].File = o.StoreName + ": " + report.Problems[j].File
			}
		}
		if i == 0 {
			total = report
			continue
		}
		total.Problems = append(total.Problems, report.Problems...)
		total.Bytes += report.Bytes
		total.Seconds += report.Seconds
		total.Orphans += report.Orphans
		total = leastCosigned(total, report)
	}
	if len(stores) > 1 {
		if err := p.flush(&total); err != nil {
			return err
		}
	}
	if err := p.sat(c); err != nil {
		return err
	}
	if err := p.summary(total, bad == nil); err != nil {
		return err
	}
	return bad
}

// gather lets what is printed from here on go out in larger pieces. A terminal
// has each line as it comes, between those of the progress.
func (p *verifyPrinter) gather() *gatherer {
	g := &gatherer{to: p.a.out, now: p.a.now, at: p.a.now()}
	if width(p.a.out) == 0 {
		a := *p.a
		a.out = g
		p.a = &a
	}
	return g
}

// progress draws a line at the bottom of a terminal, nothing elsewhere.
func (p *verifyPrinter) progress() func(done, total, bytes int64) {
	if p.a.flags.quiet || width(p.a.err) == 0 {
		return nil
	}
	return func(done, total, bytes int64) {
		_, _ = fmt.Fprint(p.a.err, "\r\x1b[K"+p.a.say("verify.progress", done, total, message.Size(bytes)))
		p.drawn = true
	}
}

func (p *verifyPrinter) clear() {
	if p.drawn {
		_, _ = fmt.Fprint(p.a.err, "\r\x1b[K")
		p.drawn = false
	}
}

func (p *verifyPrinter) collect(r verify.Result) error {
	key := r.Clip + " " + r.SHA256 // bytes that no entry knows have no clip
	old, seen := p.worst[key]
	if !seen {
		p.order = append(p.order, key)
	}
	if !seen || severity(r.Result) > severity(old.Result) {
		p.worst[key] = r
	}
	return nil
}

// flush prints the collected results and counts them afresh.
func (p *verifyPrinter) flush(total *verify.Report) error {
	total.Clips, total.OK, total.Disposed, total.RecordErased, total.Omitted = len(p.order), 0, 0, 0, 0
	total.Missing, total.Mismatch, total.Stamped, total.SM3 = 0, 0, 0, 0
	for _, name := range p.order {
		r := p.worst[name]
		if !r.NotAfter.IsZero() {
			total.Stamped++
		}
		if r.SM3 != "" {
			total.SM3++
		}
		switch r.Result {
		case verify.OK:
			total.OK++
		case verify.Disposed:
			total.Disposed++
		case verify.RecordErased:
			total.RecordErased++
		case verify.Omitted:
			total.Omitted++
		case verify.Missing:
			total.Missing++
		default:
			total.Mismatch++
		}
		if err := p.print(r); err != nil {
			return err
		}
	}
	return nil
}

func (p *verifyPrinter) print(r verify.Result) error {
	p.clear()
	if p.a.flags.json {
		return p.a.printJSON(r)
	}
	if p.a.flags.quiet && severity(r.Result) < severity(verify.Missing) {
		return nil
	}
	name := r.Clip
	if name == "" {
		name = "-"
	}
	line := fmt.Sprintf("%s  %s  %s", runewidth.FillRight(p.a.say("verify."+r.Result), 13), runewidth.FillRight(name, 12), r.SHA256)
	if r.Of != "" {
		line += "  " + p.a.say("verify.of", message.Line(r.Of))
	}
	if r.Problem != "" {
		line += "  " + message.Line(r.Problem)
	}
	line += "\n"
	if p.named {
		line += p.stampLine(r)
	}
	_, err := fmt.Fprint(p.a.out, line)
	return err
}

// files names the files that are wrong, at most three.
func (p *verifyPrinter) files(problems []verify.Problem) string {
	var names []string
	for _, problem := range problems {
		if name := message.Safe(problem.File); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	const most = 3
	if len(names) > most {
		return p.a.sayN("verify.more", len(names)-most, strings.Join(names[:most], ", "))
	}
	return strings.Join(names, ", ")
}

func (p *verifyPrinter) summary(r verify.Report, good bool) error {
	r.Unchecked = slices.DeleteFunc(slices.Clone(r.Unchecked), func(log string) bool { return slices.Contains(p.known, log) })
	if p.a.flags.json {
		return p.a.printJSON(map[string]verify.Report{"summary": r})
	}
	for _, problem := range r.Problems {
		if _, err := fmt.Fprintf(p.a.out, "%s: %s\n", message.Safe(problem.File), message.Line(problem.Problem)); err != nil {
			return err
		}
	}
	for _, log := range r.Unchecked {
		if err := p.a.println(p.a.say("verify.unchecked", message.Line(log))); err != nil {
			return err
		}
	}
	if r.Orphans > 0 {
		if err := p.a.println(p.a.sayN("verify.orphans", r.Orphans)); err != nil {
			return err
		}
	}
	if err := p.stamps(r); err != nil {
		return err
	}
	proved := r.OK + r.Disposed + r.RecordErased + r.Omitted
	switch {
	case good:
	case r.Clips == 0 && len(r.Problems) == 0:
		return nil // the error says that nothing was checked, and why
	case proved == r.Clips && len(r.Problems) > 0:
		_, err := fmt.Fprintln(p.a.out, p.a.say("verify.bad.file", p.files(r.Problems), proved, r.Clips))
		return err
	default:
		_, err := fmt.Fprintln(p.a.out, p.a.say("verify.bad", proved, r.Clips, r.Missing, r.Mismatch))
		return err
	}
	if r.Cosigned > 0 {
		if err := p.a.println(p.a.say("verify.policy", r.Cosigned, r.Size, r.CosignedAt.Local().Format(time.DateTime))); err != nil {
			return err
		}
	}
	if r.SM3 > 0 {
		if err := p.a.println(p.a.sayN("verify.sm3", r.SM3)); err != nil {
			return err
		}
	}
	return p.a.println(p.a.sayN("verify.good", r.Clips, r.Size, message.Line(r.Origin), message.Size(r.Bytes)))
}

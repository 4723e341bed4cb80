package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/verify"
)

// tsaRoots reads the file of roots that was given, nil for none.
func tsaRoots(file string) (*stamp.Roots, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read roots %s: %w", message.Safe(file), bare(err))
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, stamp.MaxRoots+1))
	if err != nil {
		return nil, fmt.Errorf("read roots %s: %w", message.Safe(file), bare(err))
	}
	roots, err := stamp.ParseRoots(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", message.Safe(file), err)
	}
	return roots, nil
}

// between says between which time stamps something was entered, "" when nobody
// knows.
func (a *app) between(after, before time.Time) string {
	show := func(t time.Time) string { return t.Local().Format(time.RFC3339) }
	switch {
	case after.IsZero() && before.IsZero():
		return ""
	case after.IsZero():
		return a.say("stamp.before", show(before))
	case before.IsZero():
		return a.say("stamp.after", show(after))
	}
	return a.say("stamp.between", show(after), show(before))
}

// stampLine is what stands below the result of a clip that was named.
func (p *verifyPrinter) stampLine(r verify.Result) string {
	line := p.a.between(r.NotBefore, r.NotAfter)
	switch {
	case line == "":
		return ""
	case r.NotAfter.IsZero():
	case r.Until.Before(p.a.now()):
		line += p.a.say("stamp.by.ended", message.Line(r.Authority), r.Until.Local().Format(time.DateOnly))
	default:
		line += p.a.say("stamp.by", message.Line(r.Authority), r.Until.Local().Format(time.DateOnly))
	}
	return "  " + line + "\n"
}

// stamps sums up the authorities, and says when nobody looked whose they are.
func (p *verifyPrinter) stamps(r verify.Report) error {
	for _, at := range r.Authorities {
		key := "verify.stamps.unchecked"
		if at.Checked {
			key = "verify.stamps"
		}
		line := p.a.sayN(key, at.Stamps, message.Line(at.Name), at.First.Local().Format(time.RFC3339), at.Last.Local().Format(time.RFC3339))
		if err := p.a.println(line); err != nil {
			return err
		}
	}
	return nil
}

package verify

import (
	"slices"
	"strings"

	"github.com/custodock/custodock/manifest"
)

// relate checks that each entry is about a clip of the package and that each
// record and proof belongs to an entry.
func (p *packed) relate(names []string) {
	for _, name := range names {
		e, ok := p.entries[name]
		if !ok {
			continue
		}
		switch e.Type {
		case "clip.ingested":
			if _, ok := p.data[name]; !ok {
				p.data[name] = nil
			}
		case "record.erased":
			p.eraser(name, e)
		case "clip.derived":
			p.statement(name, e)
			if _, ok := p.data[name]; !ok {
				p.data[name] = nil
			}
		case "run.started": // the program that the clips came or left with
		default:
			p.statement(name, e)
		}
	}
	for _, name := range names {
		if e, ok := p.entries[name]; ok {
			p.record(name, e)
		}
	}
	for _, file := range slices.Sorted(keys(p.sums)) {
		dir, name, nested := strings.Cut(file, "/")
		ext := map[string]string{"entries": ".json", "records": ".json", "proofs": ".tlog-proof"}[dir]
		if !nested || dir == "data" || dir == "endorsements" || dir == "log" {
			continue
		}
		name, ok := strings.CutSuffix(name, ext)
		if _, there := p.sums["entries/"+name+".json"]; !ok || !there {
			p.report.add(file, "belongs to no entry of this package")
		}
	}
}

func (p *packed) eraser(name string, e manifest.Entry) {
	target := e.Fields.Sub("target")
	n, ok := target.Int("n")
	erased := ClipName(target.Str("log"), n)
	if _, known := p.entries[erased]; !ok || !known || n >= e.N {
		p.blame(name, "is about no entry of this package")
		return
	}
	p.erased[erased] = true
}

func (p *packed) statement(name string, e manifest.Entry) {
	about := e.Fields.Str("clip")
	leaf := e.Fields.Str("leaf")
	switch target, known := p.entries[about]; {
	case known && target.Type == "clip.ingested":
		if leaf != "" && leaf != p.leaves[about] {
			p.blame(about, "entry "+name+" ("+e.Type+") is about another "+about)
		}
	case p.wrong[about] == "":
		p.blame(name, "is about no clip of this package")
	}
}

// record checks the record of an entry; what is wrong is the clip's trouble.
func (p *packed) record(name string, e manifest.Entry) {
	about := name
	if c := e.Fields.Str("clip"); e.Type != "clip.ingested" && p.entries[c].Type == "clip.ingested" {
		about = c
	}
	file := "records/" + name + ".json"
	d, there := p.sums[file]
	switch {
	case there && d.String() != e.Record:
		p.blame(about, file+" is not the record of its entry")
	case !there && e.Record != "" && !p.erased[name]:
		p.blame(about, file+" is missing")
	case there:
		p.erased[name] = false
	}
}

func (p *packed) results(names []string) error {
	for _, name := range names {
		files, isClip := p.data[name]
		if !isClip {
			continue
		}
		if err := p.emit(p.judge(name, files)); err != nil {
			return err
		}
	}
	if p.report.Clips == 0 {
		return &MismatchError{Cause: "there is no clip in this package"}
	}
	return nil
}

func (p *packed) judge(name string, files []string) Result {
	res := Result{Clip: name, Result: Mismatch, Problem: p.wrong[name]}
	e := p.entries[name]
	res.SHA256 = e.Fields.Str("sha256")
	size, _ := e.Fields.Int("size")
	if e.Type == "clip.derived" {
		res.Of = e.Fields.Str("clip")
	}
	switch {
	case res.Problem != "":
	case e.Type != "clip.ingested" && e.Type != "clip.derived":
		res.Problem = "entries/" + name + ".json does not acquire a clip"
	case len(files) == 0 && p.omitted(name, e):
		res.Result = Omitted
	case len(files) == 0:
		res.Result, res.Problem = Missing, "data/"+name+" is missing"
	case len(files) > 1:
		res.Problem = "data/" + name + " must hold one file"
	case p.sums[files[0]].String() != res.SHA256 || p.sizes[files[0]] != size:
		res.Problem = files[0] + " is not what the clip was when it was recorded"
	case !p.sameSM3(e, files[0], &res):
		res.Problem = files[0] + " has another SM3 than the clip when it was recorded"
	case p.erased[name]:
		res.Result = RecordErased
	default:
		res.Result = OK
	}
	return res
}

// omitted reports whether a package may do without a file: a derived one, or an
// original of which it has a derived one.
func (p *packed) omitted(name string, e manifest.Entry) bool {
	if e.Type == "clip.derived" {
		return true
	}
	for made, o := range p.entries {
		if o.Type == "clip.derived" && o.Fields.Str("clip") == name && len(p.data[made]) > 0 {
			return true
		}
	}
	return false
}

package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
)

// The files of a package are described in docs/package.md.
var packFile = regexp.MustCompile(`^(?:bagit\.txt|bag-info\.txt|(?:tag)?manifest-sha256\.txt|manifest-sm3\.txt|VERIFY\.md|verify\.sh|endorsements/[0-9a-f]{64}|` +
	`certificate\.(?:html|pdf)|log/(?:key|checkpoint(?:(?:\.[a-z0-9-]+)*\.tsr)?)|` +
	`(entries|records|proofs|data)/([A-Za-z0-9._-]+)(?:/([A-Za-z0-9._-]+))?)$`)

const (
	payloadList = "manifest-sha256.txt"
	tagList     = "tagmanifest-sha256.txt"
	packNote    = "log/checkpoint"
)

// packed is a package as it is being checked.
type packed struct {
	*run
	box     box
	log     string
	key     note.Verifier
	note    []byte                 // the checkpoint that all proofs are under
	sums    map[string]clip.Digest // of every file
	sm3     *sm3Sums
	sizes   map[string]int64
	data    map[string][]string // files below data/, by clip
	entries map[string]manifest.Entry
	leaves  map[string]string // hex, of entries that are proved
	erased  map[string]bool   // entries whose record was erased
	wrong   map[string]string // the first thing wrong with a clip
	judged  map[string]bool   // checkpoints that were held against the policy
}

// pack proves an evidence package without any store.
func (r *run) pack(ctx context.Context, b box) error {
	v, log, err := r.key()
	if err != nil {
		return err
	}
	r.report.Origin = v.Name()
	p := &packed{
		run: r, box: b, log: log, key: v,
		sm3: newSM3Sums(r.workers()), sums: map[string]clip.Digest{}, sizes: map[string]int64{}, data: map[string][]string{},
		entries: map[string]manifest.Entry{}, leaves: map[string]string{},
		erased: map[string]bool{}, wrong: map[string]string{}, judged: map[string]bool{},
	}
	if err := p.read(ctx); err != nil {
		return err
	}
	for _, list := range p.lists() {
		if err := p.list(list); err != nil {
			return err
		}
	}
	p.endorsements()
	if err := p.readNote(); err != nil {
		return err
	}
	names, err := p.proveEntries()
	if err != nil {
		return err
	}
	if err := p.sumSM3(ctx); err != nil {
		return err
	}
	p.relate(names)
	return p.results(names)
}

// read hashes every file.
func (p *packed) read(ctx context.Context) error {
	var names []string
	err := p.box.walk(func(name string, regular bool) {
		m := packFile.FindStringSubmatch(name)
		switch {
		case !regular, m == nil, (m[1] == "data") != (m[3] != ""):
			p.report.add(name, "is not a file of a package")
			return
		case m[1] == "data":
			p.data[m[2]] = append(p.data[m[2]], name)
		}
		names = append(names, name)
	})
	if err != nil {
		return err
	}
	if !slices.Contains(names, payloadList) || !slices.Contains(names, tagList) {
		return &MismatchError{Cause: fmt.Sprintf("it is no evidence package: it lacks %s or %s", payloadList, tagList)}
	}
	p.sm3.listed = slices.Contains(names, sm3List)
	return ordered(ctx, p.workers(), slices.Values(names), func(ctx context.Context, name string) (summed, error) {
		return p.sum(ctx, name, p.sm3.listed && strings.HasPrefix(name, "data/"))
	}, func(s summed) error {
		p.sums[s.name], p.sizes[s.name] = s.sum, s.size
		if s.sm3 != "" {
			p.sm3.of[s.name] = s.sm3
		}
		if strings.HasPrefix(s.name, "data/") {
			p.report.Bytes += s.size
		}
		return nil
	})
}

// summed is a file of the package as it was read.
type summed struct {
	name string
	sum  clip.Digest
	sm3  string
	size int64
}

// sum hashes a file of the package.
func (p *packed) sum(ctx context.Context, name string, withSM3 bool) (s summed, err error) {
	s.name = name
	f, err := p.box.open(name)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if withSM3 {
		return p.sm3.read(ctx, name, f)
	}
	s.sum, s.size, err = digest(ctx, f)
	return s, err
}

// small reads a file that was hashed and has at most so many bytes.
func (p *packed) small(name string, most int64) ([]byte, error) {
	size, there := p.sizes[name]
	switch {
	case !there:
		return nil, fmt.Errorf("%s is missing", name)
	case size > most:
		return nil, fmt.Errorf("%s has %d bytes, more than its format allows", name, size)
	}
	f, err := p.box.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, size+1))
	if err == nil && clip.Digest(sha256.Sum256(data)) != p.sums[name] {
		err = fmt.Errorf("%s changed while it was read", name)
	}
	return data, err
}

// list compares a BagIt manifest with the files it is about.
func (p *packed) list(list string) error {
	var want strings.Builder
	for _, name := range slices.Sorted(keys(p.sums)) {
		if strings.HasPrefix(name, "data/") == (list != tagList) && name != tagList {
			fmt.Fprintf(&want, "%s  %s\n", p.listed(list, name), name)
		}
	}
	if clip.Digest(sha256.Sum256([]byte(want.String()))) == p.sums[list] {
		return nil
	}
	said, err := p.small(list, int64(2*want.Len())+1<<16)
	if err != nil {
		p.report.add(list, "%v", err)
		return nil
	}
	lines := map[string]string{}
	for line := range strings.Lines(string(said)) {
		_, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		lines[name] = line
	}
	before := len(p.report.Problems)
	for line := range strings.Lines(want.String()) {
		_, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		switch said, listed := lines[name]; {
		case !listed:
			p.report.add(name, "is not in %s", list)
		case said != line:
			p.report.add(name, "differs from %s", list)
		}
		delete(lines, name)
	}
	for _, name := range slices.Sorted(keys(lines)) {
		p.report.add(list, "names %q, which is not there", name)
	}
	if len(p.report.Problems) == before {
		p.report.add(list, "is not sorted or not in the form sha256sum gives")
	}
	return nil
}

// readNote reads the one checkpoint and checks its time stamps: that they are over
// its bytes, and whose they are where roots were given.
func (p *packed) readNote() (err error) {
	p.note, err = p.small(packNote, maxSmall)
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		return err
	case err != nil:
		p.report.add(packNote, "%v", err)
		return nil
	}
	for _, name := range slices.Sorted(keys(p.sums)) {
		if !strings.HasPrefix(name, packNote+".") {
			continue
		}
		if err := p.stamped(name); err != nil {
			p.report.add(name, "is no time stamp over %s: %v", packNote, err)
		}
	}
	return nil
}

// stamped checks one time stamp over the checkpoint.
func (p *packed) stamped(name string) error {
	reply, err := p.small(name, stamp.MaxReply)
	if err != nil {
		return err
	}
	st, err := stamp.Parse(reply)
	if err == nil {
		err = st.Over(p.note)
	}
	if err != nil {
		return err
	}
	s := sealing{time: st.Time, accuracy: st.Accuracy, authority: st.Authority(), until: st.Expires()}
	if p.Roots != nil {
		if s.until, err = st.Chain(p.Roots); err != nil {
			return err
		}
	}
	p.report.note(s, p.Roots != nil)
	return nil
}

func keys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// proveEntries parses and proves the entries and returns their names in the
// order of the log. One that is not proved counts for nothing but its name.
func (p *packed) proveEntries() ([]string, error) {
	var names []string
	for file := range p.sums {
		rest, ok := strings.CutPrefix(file, "entries/")
		if name, ok2 := strings.CutSuffix(rest, ".json"); ok && ok2 {
			names = append(names, name)
		}
	}
	for clip := range p.data {
		if _, there := p.sums["entries/"+clip+".json"]; !there {
			names = append(names, clip)
			p.wrong[clip] = "entries/" + clip + ".json is missing"
		}
	}
	slices.SortFunc(names, func(a, b string) int { return compareNames(p.log, a, b) })
	for _, name := range names {
		if p.wrong[name] != "" {
			continue
		}
		e, leaf, err := p.proveEntry(name)
		var path *fs.PathError
		switch {
		case err == nil:
			p.entries[name], p.leaves[name] = e, hex.EncodeToString(leaf[:])
		case errors.As(err, &path):
			return nil, err
		default:
			p.blame(name, err.Error())
		}
	}
	return names, nil
}

// compareNames orders by number, and names of no entry of the log first.
func compareNames(log, a, b string) int {
	x := index{log: log}
	na, oka := x.parseName(a)
	nb, okb := x.parseName(b)
	switch {
	case oka && okb:
		return int(min(max(na-nb, -1), 1))
	case oka != okb && oka:
		return 1
	case oka != okb:
		return -1
	}
	return strings.Compare(a, b)
}

// blame names the clip if name is one, else the entry's file.
func (p *packed) blame(name, why string) {
	if _, isClip := p.data[name]; !isClip {
		p.report.add("entries/"+name+".json", "%s", why)
	} else if p.wrong[name] == "" {
		p.wrong[name] = why
	}
}

func (p *packed) proveEntry(name string) (manifest.Entry, tlog.Hash, error) {
	raw, err := p.small("entries/"+name+".json", manifest.MaxEntry)
	if err != nil {
		return manifest.Entry{}, tlog.Hash{}, err
	}
	e, err := manifest.ParseEntry(raw)
	if err != nil {
		return e, tlog.Hash{}, err
	}
	if e.Name() != name || e.Log != p.log {
		return e, tlog.Hash{}, fmt.Errorf("it is entry %s", e.Name())
	}
	text, err := p.small("proofs/"+name+".tlog-proof", maxProof)
	if err != nil {
		return e, tlog.Hash{}, err
	}
	proof, err := manifest.ParseProof(text)
	if err != nil {
		return e, tlog.Hash{}, err
	}
	leaf := manifest.LeafHash(raw)
	c, err := proof.Check(leaf, p.key.Name(), p.key)
	if err != nil {
		return e, tlog.Hash{}, err
	}
	p.cosignedBy("proofs/"+name+".tlog-proof", proof.Checkpoint)
	if proof.Index != e.N {
		return e, tlog.Hash{}, fmt.Errorf("its proof is of entry %d", proof.Index)
	}
	if !p.endorsedAt(e.T) {
		return e, tlog.Hash{}, errors.New(p.unendorsed(e.T.Format(entryTime)))
	}
	if !bytes.Equal(proof.Checkpoint, p.note) {
		return e, tlog.Hash{}, fmt.Errorf("its proof is not under %s", packNote)
	}
	p.report.Size = max(p.report.Size, c.Size)
	return e, leaf, nil
}

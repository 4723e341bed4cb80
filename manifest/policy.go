package manifest

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// ErrUnwitnessed is what every *UnwitnessedError is: a checkpoint lacks
// cosignatures that a policy wants.
var ErrUnwitnessed = errors.New("not cosigned as the policy wants")

const (
	maxPolicy      = 1 << 20 // bytes
	maxPolicyNames = 256     // of logs, of witnesses and of groups
	noQuorum       = "none"
)

// Policy says which logs are trusted and which witnesses must have cosigned a
// checkpoint, c2sp.org/tlog-policy.
type Policy struct {
	Logs      []PolicyLog
	Witnesses []PolicyWitness
	Quorum    string // name of a witness or a group; "none"
	groups    map[string]policyGroup
}

// PolicyLog is a log line.
type PolicyLog struct {
	Key  note.Verifier
	VKey string // Key as it was written
	URL  string // "" without
}

// PolicyWitness is a witness line.
type PolicyWitness struct {
	Name string // within the policy
	Key  *WitnessKey
	URL  string // submission prefix; "" without
}

type policyGroup struct {
	need    int
	members []string
}

// UnwitnessedError names the witnesses of a quorum that did not cosign, by their
// names in the policy, and those that did.
type UnwitnessedError struct {
	Quorum        string
	Have, Missing []string
}

// Error is one line.
func (e *UnwitnessedError) Error() string {
	quote := func(names []string) string {
		out := make([]string, len(names))
		for i, n := range names {
			out[i] = strconv.Quote(n)
		}
		return strings.Join(out, ", ")
	}
	have := "nobody it names did"
	if len(e.Have) > 0 {
		have = quote(e.Have) + " did"
	}
	return fmt.Sprintf("%v: quorum %q is not reached: %s did not cosign, %s", ErrUnwitnessed, e.Quorum, quote(e.Missing), have)
}

// Is makes errors.Is(err, ErrUnwitnessed) true.
func (e *UnwitnessedError) Is(target error) bool { return target == ErrUnwitnessed }

// ParsePolicy reads a policy file. Every error wraps ErrMalformed and names the
// line.
func ParsePolicy(b []byte) (*Policy, error) {
	p := &Policy{groups: map[string]policyGroup{}}
	if len(b) > maxPolicy {
		return nil, fmt.Errorf("policy: %w: more than %d bytes", ErrMalformed, maxPolicy)
	}
	b = bytes.TrimSuffix(b, []byte("\n")) // that ends the last line
	for i, line := range bytes.Split(b, []byte("\n")) {
		if err := p.line(string(line)); err != nil {
			return nil, fmt.Errorf("policy: %w: line %d: %w", ErrMalformed, i+1, err)
		}
	}
	if p.Quorum == "" {
		return nil, fmt.Errorf("policy: %w: no quorum line: end it with quorum and the name of a witness or a group", ErrMalformed)
	}
	return p, nil
}

func (p *Policy) line(line string) error {
	for _, c := range []byte(line) {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return fmt.Errorf("the control character %#02x", c)
		}
	}
	fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(fields) == 0 || fields[0][0] == '#' {
		return nil
	}
	args := fields[1:]
	switch fields[0] {
	case "log":
		return p.log(args)
	case "witness":
		return p.witness(args)
	case "group":
		return p.group(args)
	case "quorum":
		return p.quorum(args)
	}
	return fmt.Errorf("the word %q: write log, witness, group or quorum", fields[0])
}

func (p *Policy) log(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("write: log KEY [URL]")
	}
	k, err := ParseKey(args[0])
	if err != nil {
		return err
	}
	// Keys are the same when they wrap the same public key, whatever their names.
	public := func(vkey string) string { return strings.SplitN(vkey, "+", 3)[2] }
	same := func(l PolicyLog) bool { return public(l.VKey) == public(args[0]) }
	if len(p.Logs) == maxPolicyNames || slices.ContainsFunc(p.Logs, same) {
		return fmt.Errorf("the key of log %q stands twice, or there are too many", k.Name())
	}
	p.Logs = append(p.Logs, PolicyLog{Key: k, VKey: args[0], URL: strings.Join(args[1:], "")})
	return nil
}

func (p *Policy) witness(args []string) error {
	if len(args) < 2 || len(args) > 3 {
		return errors.New("write: witness NAME KEY [URL]")
	}
	if err := p.fresh(args[0]); err != nil {
		return err
	}
	k, err := ParseWitnessKey(args[1])
	if err != nil {
		return err
	}
	same := func(w PolicyWitness) bool { return ed25519.PublicKey.Equal(w.Key.pub, k.pub) }
	if len(p.Witnesses) == maxPolicyNames || slices.ContainsFunc(p.Witnesses, same) {
		return fmt.Errorf("the key of witness %q stands twice, or there are too many", args[0])
	}
	p.Witnesses = append(p.Witnesses, PolicyWitness{Name: args[0], Key: k, URL: strings.Join(args[2:], "")})
	return nil
}

// fresh refuses a name that is taken.
func (p *Policy) fresh(name string) error {
	if name == noQuorum || p.defined(name) {
		return fmt.Errorf("the name %q is taken", name)
	}
	return nil
}

func (p *Policy) defined(name string) bool {
	_, ok := p.groups[name]
	return ok || slices.ContainsFunc(p.Witnesses, func(w PolicyWitness) bool { return w.Name == name })
}

func (p *Policy) group(args []string) error {
	if len(args) < 3 || len(p.groups) == maxPolicyNames {
		return errors.New("write: group NAME all|any|NUMBER MEMBER…")
	}
	name, count, members := args[0], args[1], args[2:]
	if err := p.fresh(name); err != nil {
		return err
	}
	g := policyGroup{members: members}
	switch count {
	case "any":
		g.need = 1
	case "all":
		g.need = len(members)
	default:
		n, err := strconv.Atoi(count)
		if err != nil || strconv.Itoa(n) != count || n < 1 || n > len(members) {
			return fmt.Errorf("group %q of %d members wants %q: write all, any or a number from 1 to %d", name, len(members), count, len(members))
		}
		g.need = n
	}
	for i, m := range members {
		switch {
		case !p.defined(m):
			return fmt.Errorf("group %q has the member %q, which no line before defines", name, m)
		case slices.Contains(members[:i], m) || p.inGroup(m):
			return fmt.Errorf("%q is the member of a group already: it counts once", m)
		}
	}
	p.groups[name] = g
	return nil
}

func (p *Policy) inGroup(name string) bool {
	for _, g := range p.groups {
		if slices.Contains(g.members, name) {
			return true
		}
	}
	return false
}

func (p *Policy) quorum(args []string) error {
	switch {
	case len(args) != 1:
		return errors.New("write: quorum NAME")
	case p.Quorum != "":
		return errors.New("a second quorum line")
	case args[0] != noQuorum && !p.defined(args[0]):
		return fmt.Errorf("the quorum %q is defined by no line before", args[0])
	}
	p.Quorum = args[0]
	return nil
}

package manifest

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// Keys are the keys of all witnesses, in the order of the policy.
func (p *Policy) Keys() []*WitnessKey {
	out := make([]*WitnessKey, len(p.Witnesses))
	for i, w := range p.Witnesses {
		out[i] = w.Key
	}
	return out
}

// Knows reports whether the policy lets this key speak for its log: it names the
// key, or no log at all.
func (p *Policy) Knows(v note.Verifier) bool {
	for _, l := range p.Logs {
		if l.Key.Name() == v.Name() && l.Key.KeyHash() == v.KeyHash() {
			return true
		}
	}
	return len(p.Logs) == 0
}

// Check opens a signed checkpoint of the log whose key v is and says whether it
// satisfies the policy. It returns the cosignatures that count. The error is an
// *UnwitnessedError when cosignatures are missing, and wraps ErrUntrusted or
// ErrMalformed when the checkpoint itself, or one of those, is not good.
func (p *Policy) Check(msg []byte, v note.Verifier) (Checkpoint, []Cosignature, error) {
	c, err := OpenCheckpoint(msg, v.Name(), v)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	if !p.Knows(v) {
		return c, nil, fmt.Errorf("checkpoint of %s: %w: the policy names other logs", v.Name(), ErrUntrusted)
	}
	sigs, err := Cosignatures(msg, p.Keys()...)
	if err != nil {
		return c, nil, fmt.Errorf("checkpoint of %s: %w", v.Name(), err)
	}
	return c, sigs, p.Satisfied(sigs)
}

// Satisfied returns nil when the quorum is reached by these cosignatures, else
// an *UnwitnessedError.
func (p *Policy) Satisfied(sigs []Cosignature) error {
	if p.Quorum == noQuorum {
		return nil
	}
	signed := map[string]bool{}
	for _, s := range sigs {
		for _, w := range p.Witnesses {
			signed[w.Name] = signed[w.Name] || w.Key == s.Key || w.Key.String() == s.Key.String()
		}
	}
	if p.holds(p.Quorum, signed) {
		return nil
	}
	e := &UnwitnessedError{Quorum: p.Quorum}
	counts := map[string]bool{}
	p.below(p.Quorum, counts)
	for _, w := range p.Witnesses {
		switch {
		case !counts[w.Name]:
		case signed[w.Name]:
			e.Have = append(e.Have, w.Name)
		default:
			e.Missing = append(e.Missing, w.Name)
		}
	}
	return e
}

// holds says of a witness whether it signed, of a group whether enough of its
// members hold. Names are defined before they are used, so this ends.
func (p *Policy) holds(name string, signed map[string]bool) bool {
	g, ok := p.groups[name]
	if !ok {
		return signed[name]
	}
	n := 0
	for _, m := range g.members {
		if p.holds(m, signed) {
			n++
		}
	}
	return n >= g.need
}

// below collects the witnesses that a name rests on.
func (p *Policy) below(name string, into map[string]bool) {
	g, ok := p.groups[name]
	if !ok {
		into[name] = true
	}
	for _, m := range g.members {
		p.below(m, into)
	}
}

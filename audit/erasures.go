package audit

import "github.com/custodock/custodock/manifest"

// byPolicy is the actor of what no person did.
const byPolicy = "dock"

// order is what an erase.begun says of each clip that it names.
type order struct {
	actor, reason string
}

// order takes who told the dock to erase which files from a camera, and why. Where the
// record is gone nobody can say of which clips it spoke; the dock's own policy is
// assumed of none of them.
func (l *AccessLog) order(e manifest.Entry, record []byte) {
	var rec struct {
		Reason string `json:"reason"`
		Files  []struct {
			Clip string `json:"clip"`
		} `json:"files"`
	}
	if !decode(record, &rec) {
		return
	}
	for _, f := range rec.Files {
		l.orders[f.Clip] = order{actor: e.Actor, reason: rec.Reason}
	}
}

// erasure takes that a file went from a camera: done by whoever ordered it.
func (l *AccessLog) erasure(e manifest.Entry) {
	name := e.Fields.Str("clip")
	a := Access{Time: e.T, Entry: e.Name(), Type: e.Type, Clip: name, What: e.Fields.Str("device"), Cases: []string{}}
	o, known := l.orders[name]
	a.Actor, a.Reason, a.Erased = o.actor, o.reason, !known
	if !known {
		a.Actor = e.Actor
	}
	l.found = append(l.found, a)
	delete(l.orders, name)
}

// told reports whether an access is one that is asked for: what the dock erased by its
// policy, which may be every clip, only where its actor is.
func (f AccessFilter) told(a Access) bool {
	return a.Type != typeErased || a.Erased || a.Actor != byPolicy || f.Actor == byPolicy
}

package access

import (
	"maps"
	"slices"
)

// table holds every operation of the socket's interface with the roles that may
// ask for it. An operation that does not stand here is denied to everyone,
// admins too: a call that somebody forgot to think about must not be open. An
// admin may do all that stands here, since root on the dock can read and sign
// whatever it likes; what it does stands in the log under its own name.
var table = map[string][]Role{
	// Who has any role may ask which; who has none learns nothing of the dock.
	"version": {Officer, Auditor, Admin},
	// The state of bays, queue and alarms also stands on the board.
	"status": {Officer, Auditor, Admin},
	// It tells that a status changed, and no more.
	"changed": {Officer, Auditor, Admin},
	// What the log says of itself, without records; alarms and bays.
	"events": {Officer, Auditor, Admin},
	// An officer looks for the clips that lack tags, an auditor for a case's.
	"clips": {Officer, Auditor, Admin},
	"show":  {Officer, Auditor, Admin},
	// Taking in and saying what a clip shows is the officer's work. An auditor
	// who could would judge its own word.
	"ingest": {Officer, Admin},
	"tag":    {Officer, Admin},
	// Who docked a camera may take a receipt home. It names no person.
	"receipt": {Officer, Auditor, Admin},
	// It is signed that an audit was made, by which role, and what it says.
	"gaps": {Auditor, Admin},
	// Evidence leaves the dock under supervision, not by the hand that made it.
	"export": {Auditor, Admin},
	// So it is looked at: the camera's officer knows what it shows, and everybody
	// else must be named by somebody who may.
	"view": {Auditor, Admin},
	// Whoever may look may say that something was made of what they saw.
	"derive": {Auditor, Admin},
	// The verifier key is public, and everybody should be able to compare it.
	"key": {Officer, Auditor, Admin},
	// It says nothing that an authority did not sign, and stays in the stores.
	"install": {Admin},
	// Proof of the log. They publish, which is more than a shift needs.
	"checkpoint": {Auditor, Admin},
	"entry":      {Auditor, Admin},
	"prove":      {Auditor, Admin},
	// It asks somebody outside, who may want money for it, and makes an entry.
	"anchor": {Admin},
	// It changes nothing; it names folders and stores of the dock.
	"doctor": {Auditor, Admin},
	// It moves the times of every clip of the next docking.
	"clock": {Admin},
	// It binds the agency for months, and nobody can take it back.
	"agree": {Admin},
	// Whose a camera is decides whose name stands on its clips. The list names
	// persons and the serials of what they carry.
	"devices":  {Admin},
	"register": {Admin},
	"forget":   {Admin},
	// A bay's name stands in entries.
	"bays": {Admin},
	"bind": {Admin},
	// It removes the first original there is.
	"erase": {Admin},
}

// May reports whether a role may ask for an operation.
func May(r Role, op string) bool { return slices.Contains(table[op], r) }

// Needs returns the roles that may ask for an operation, the weightiest last;
// none when nobody may.
func Needs(op string) []Role { return slices.Clone(table[op]) }

// Operations names every operation that somebody may ask for, in order.
func Operations() []string { return slices.Sorted(maps.Keys(table)) }

// Rights are the operations that somebody with these roles may ask for: those
// of each role together.
func Rights(has []Role) []string {
	out := []string{}
	for _, op := range Operations() {
		if slices.ContainsFunc(has, func(r Role) bool { return May(r, op) }) {
			out = append(out, op)
		}
	}
	return out
}
